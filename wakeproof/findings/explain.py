"""Explain a text that a program ended with: the sites and the findings that it is about.

The text may be a panic message, a line of a backtrace, `waitable.rs:271`, a trap of Wasmtime, the
id of a site or of a property, or the name of a finding.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.bundled import LINES, MESSAGES, ON_WASMTIME
from wakeproof.conform.component.known_bugs import KNOWN_BUGS, MORE_TRAPS
from wakeproof.conform.host.traps import TRAPS
from wakeproof.crates.releases import releases as known_releases
from wakeproof.errors import InputError
from wakeproof.findings.registry import Finding
from wakeproof.language.model import Model
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.util.toml import load_toml

# a file with a line, in a path that may name the release of the crate
LOCATION = re.compile(r"([\w./+-]*?)(\w+\.rs)(?::|, line )(\d+)")
RELEASE = re.compile(r"wit-bindgen[- @]v?(\d+\.\d+\.\d+)")


@dataclass(frozen=True)
class Message:
    """A part of a message, from `messages.toml`: what it is about, and what it means."""

    text: str
    sites: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    says: str = ""


@dataclass
class Explanation:
    """What a text is about.

    `releases` has those in which a site is at the line that the text has, by site; it is empty for
    a site that was found in another way. `notes` say what a message means.
    """

    sites: list[Site] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    releases: dict[str, list[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def explain(text: str, model: Model, findings: Iterable[Finding]) -> Explanation:
    """Explain a text. Raises `InputError` if nothing in it is known."""
    found, sites = Explanation(), model.sites
    words = " ".join(text.split())
    ids = _ids_in(words, sites)
    found.releases = _at_lines(words, sites)
    ids += found.releases
    properties: list[str] = []
    texts: list[str] = []
    for message in _messages():
        if message.text.lower() in words.lower():
            # an assertion that stands in several places is at the line that the text has
            ids += [s for s in message.sites if s in found.releases] or message.sites
            properties += message.properties
            found.notes += [message.says] if message.says else []
            texts.append(message.text)
    for bug, why in KNOWN_BUGS.items():
        if bug in words:
            found.notes.append(f"{why.why}. It does so after this: {why.after}.")
            texts.append(bug)
    if not ids:
        ids = _of_functions(words, sites)
    # those that no program reaches last
    reached = [sites[one] for one in dict.fromkeys(ids) if one in sites]
    found.sites = sorted(reached, key=lambda site: bool(site.unreachable))
    if not found.sites:
        named = [p for p in model.properties.values() if _has_word(words, p.id)]
        found.properties = named
        properties += [prop.id for prop in named]
    found.findings = _findings(words, found.sites, properties, texts, list(findings))
    if not (found.sites or found.properties or found.findings or found.notes):
        raise _unknown(words, sites)
    return found


def _has_word(words: str, word: str) -> bool:
    """Return whether a text has a word that may have hyphens."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", words) is not None


def _unknown(words: str, sites: Mapping[str, Site]) -> InputError:
    """Return the error for a text of which nothing is known.

    It names the releases for a release that is not known, and the lines for a line without a site.
    """
    for folder, file, number in LOCATION.findall(words):
        at = [
            lines
            for site, lines in _lines().items()
            if site in sites and _is_in(folder, file, sites[site].source)
        ]
        if at:
            return _no_site_at(f"{file}:{number}", at, RELEASE.findall(words))
    return InputError(
        "nothing is known of this text",
        hint="give the part with the file and the line (`waitable.rs:271`), the message of a trap, "
        "a site of `wakeproof list sites`, a property of `wakeproof list properties`, or a name of "
        "`wakeproof findings`",
    )


def _no_site_at(place: str, sites: Sequence[Mapping[str, int]], named: Sequence[str]) -> InputError:
    """Return the error for a place of the crate, in `named` releases if any.

    `sites` has the lines of the sites in the file, by release.
    """
    known = known_releases()
    if unknown := [release for release in named if release not in known]:
        return InputError(
            f"the lines of wit-bindgen {', '.join(unknown)} are not known",
            hint=f"those of {', '.join(known)} are; `{place}` alone is looked up in all",
        )
    lines = {
        release: sorted({lines[release] for lines in sites if release in lines})
        for release in named or known
    }
    groups = itertools.groupby(lines, key=lambda release: lines[release])
    texts = [
        f"{', '.join(map(str, numbers))} in {', '.join(releases)}"
        for numbers, releases in groups
        if numbers
    ]
    return InputError(
        f"no site is at {place}" + (f" in {', '.join(named)}" if named else ""),
        hint=f"the lines with sites are {'; '.join(texts) or 'none'}",
    )


def _ids_in(words: str, sites: Mapping[str, Site]) -> list[str]:
    """Return the sites whose id, or the id without its module, is in a text."""
    return [one for one in sites if one in words or one.split("::", 1)[-1] in words]


def _at_lines(words: str, sites: Mapping[str, Site]) -> dict[str, list[str]]:
    """Return the sites at the lines of a text, with the releases in which they are there."""
    named = set(RELEASE.findall(words))
    found: dict[str, list[str]] = {}
    for folder, file, number in LOCATION.findall(words):
        for site, lines in _lines().items():
            path = sites[site].source if site in sites else ""
            releases = [
                release
                for release, line in lines.items()
                if line == int(number) and (not named or release in named)
            ]
            if releases and _is_in(folder, file, path):
                found[site] = releases
    return found


def _is_in(folder: str, file: str, source: str) -> bool:
    """Return whether a file, with the folder that a text has before it, can be that of a source."""
    last = folder.rstrip("/").rsplit("/", 1)[-1]
    return source.endswith(f"/{file}") and (not last or f"/{last}/" in source)


def _of_functions(words: str, sites: Mapping[str, Site]) -> list[str]:
    """Return the sites of the functions that a backtrace names: `WaitableOperation<S>::cancel`."""
    found = []
    for site in sites.values():
        parts = [re.escape(part) for part in site.function.split("::")]
        if len(parts) > 1 and re.search(r"\b" + r"(<[^:]*>)?::".join(parts) + r"\b", words):
            found.append(site.id)
    return found


def _findings(
    words: str,
    sites: Iterable[Site],
    properties: Iterable[str],
    texts: Iterable[str],
    findings: list[Finding],
) -> list[Finding]:
    """Return the findings that a text names, or that end as it does; the first are the surest."""
    reached = {site.id for site in sites}
    by_name = [f for f in findings if f.name in words]
    at_sites = [f for f in findings if f.site in reached]
    shown = [f for f in findings if _ends_so(f, words, texts)]
    of_properties = [] if shown else [f for f in findings if f.property in properties]
    return list({f.name: f for f in (*by_name, *at_sites, *shown, *of_properties)}.values())


def _ends_so(finding: Finding, words: str, texts: Iterable[str]) -> bool:
    """Return whether Wasmtime ended the program of a finding with a message of the text."""
    for outcome in _on_wasmtime().get(finding.name, {}).values():
        message = outcome.removeprefix("traps: ")
        if message != outcome and (message in words or any(t in message for t in texts)):
            return True
    return False


@functools.cache
def _messages() -> list[Message]:
    """Return the messages of the table, and the traps of Wasmtime that the model has sites for."""
    rows = load_toml(MESSAGES).get("message", [])
    found = [
        Message(
            row["text"],
            tuple(row.get("sites", ())),
            tuple(row.get("properties", ())),
            row.get("says", ""),
        )
        for row in rows
    ]
    by_text: dict[str, list[str]] = {}
    for site, texts in (*TRAPS.items(), *MORE_TRAPS.items()):
        for text in texts:
            by_text.setdefault(text, []).append(site)
    return found + [Message(text, tuple(sites)) for text, sites in by_text.items()]


@functools.cache
def _lines() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(LINES.read_text(encoding="utf-8"))
    return found


@functools.cache
def _on_wasmtime() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(ON_WASMTIME.read_text(encoding="utf-8"))
    return found


def lines_of(site: Site) -> dict[str, int]:
    """Return the line of a site in each release of the crate that has it; empty for the host's."""
    return dict(_lines().get(site.id, {}))
