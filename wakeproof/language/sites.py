"""The table of sites: places of the real code that panic, trap or have undefined behaviour.

`sites.toml` of a model describes each site. The model's own text names a site where it mirrors it:
`panic("id")`, `unwrap(x, "id")`, `trap("id")`, `undefined("id")`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language.sources import base_files, parse_file
from wakeproof.util.toml import load_toml

# the outcome in the model at each kind of site
KINDS = {"panic": "panic", "trap": "trap", "spec-assert": "trap", "undefined": "undefined"}
# the calls of the model that name a site: the position of the argument, and the outcome
CALLS = {
    "panic": (0, "panic"),
    "unwrap": (1, "panic"),
    "trap": (0, "trap"),
    "undefined": (0, "undefined"),
}
REQUIRED = ("id", "kind", "source", "function", "condition")


@dataclass(frozen=True)
class Site:
    """One place of the real code.

    `places` are pairs of a release, or a specification, and the line there. The site is reached
    unless `condition` holds. `unreachable` is the reason why a program cannot reach the site, or
    why the site is outside the model; it is empty if a program may reach it.
    """

    id: str
    kind: str
    source: str
    function: str
    condition: str
    places: tuple[tuple[str, int], ...] = ()
    unreachable: str = ""

    def lines(self) -> str:
        """Return the lines in words, `line 46 at 0.58.0, line 47 at 0.60.0`; empty without places.

        The tag `v0.60.0` and the crate 0.60.0 are one release.
        """
        return ", ".join(f"line {line} at {name.removeprefix('v')}" for name, line in self.places)


@dataclass(frozen=True)
class Mention:
    """A place of the model's text that names a site, and the outcome there."""

    site: str
    outcome: str
    file: str
    line: int
    function: str


def outcome_of(kind: str) -> str:
    """Return the outcome at a site of this kind: `panic`, `trap` or `undefined`."""
    return KINDS[kind]


def load_sites(model_dir: Path) -> dict[str, Site]:
    """Read the sites of a model folder by id, in the order of the table.

    Raises `InputError`, with the line of the entry, for a table that is malformed.
    """
    path = model_dir / "sites.toml"
    table = load_toml(path)
    releases = table.get("releases", {})
    if not _is_releases(releases):
        raise InputError(
            "[releases] does not map keys to names", where=str(path), hint='write v1 = "v1.2.3"'
        )
    unknown = sorted(set(table) - {"note", "releases", "site"})
    if unknown:
        raise InputError(
            f"unknown key {unknown[0]!r}", where=str(path), hint="use note, [releases] and [[site]]"
        )
    if not isinstance(table.get("note", ""), str):
        raise InputError("`note` is not a string", where=str(path), hint='write note = "..."')
    rows = table.get("site", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("`site` is not a list of tables", where=str(path), hint="write [[site]]")
    sites: dict[str, Site] = {}
    for number, row in enumerate(rows):
        try:
            site = _site(row, releases)
            if site.id in sites:
                raise InputError(f"site {site.id!r} is listed twice", hint="remove one")
        except InputError as error:
            where = f"{path}:{_line_of_entry(path, number)}"
            raise InputError(error.what, where=where, hint=error.hint) from None
        sites[site.id] = site
    return sites


def _is_releases(releases: object) -> bool:
    return isinstance(releases, dict) and all(isinstance(name, str) for name in releases.values())


def _site(row: Mapping[str, Any], releases: Mapping[str, str]) -> Site:
    """Validate one entry. `releases` maps the keys with line numbers to the names of releases."""
    name = f"site {row['id']!r}" if "id" in row else "a site"
    for key, value in row.items():
        if key not in (*REQUIRED, "unreachable", *releases):
            raise InputError(
                f"{name} has an unknown key {key!r}",
                hint="use one of " + ", ".join((*REQUIRED, "unreachable", *releases)),
            )
        wanted = int if key in releases else str
        if type(value) is not wanted:
            what = "number" if wanted is int else "string"
            raise InputError(f"{key!r} of {name} is not a {what}", hint=f"write a {what}")
    for key in REQUIRED:
        if not row.get(key):
            raise InputError(f"{name} has no {key!r}", hint=f"write {key} = ...")
    if row["kind"] not in KINDS:
        raise InputError(
            f"{name} has an unknown kind {row['kind']!r}", hint="use one of " + ", ".join(KINDS)
        )
    return Site(
        id=row["id"],
        kind=row["kind"],
        source=row["source"],
        function=row["function"],
        condition=row["condition"],
        places=tuple((release, row[key]) for key, release in releases.items() if key in row),
        unreachable=row.get("unreachable", ""),
    )


def _line_of_entry(path: Path, number: int) -> int:
    """Return the line on which the entry with this number (from 0) begins."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [n for n, line in enumerate(lines, 1) if line.strip() == "[[site]]"]
    return starts[number] if number < len(starts) else 1


def mentions(model_dir: Path) -> list[Mention]:
    """List every place of the model's text that names a site, file by file, line by line."""
    found: list[Mention] = []
    files = list(base_files(model_dir))
    files += [
        path for part in ("versions", "hosts") for path in sorted((model_dir / part).glob("*.py"))
    ]
    for path in files:
        file = path.relative_to(model_dir).as_posix()
        for node in parse_file(path).body:
            if isinstance(node, ast.FunctionDef):
                found.extend(_mentions_in(node, file))
    return found


def _mentions_in(function: ast.FunctionDef, file: str) -> Iterator[Mention]:
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in CALLS:
                position, outcome = CALLS[name]
                match arguments[position : position + 1]:
                    case [ast.Constant(value=str(site))]:
                        yield Mention(site, outcome, file, node.lineno, function.name)


def mirrors(model_dir: Path) -> dict[str, list[str]]:
    """Map a site's id to the places that mirror it: `host.py:94 canon_waitable_join`."""
    places: dict[str, list[str]] = {}
    for mention in mentions(model_dir):
        place = f"{mention.file}:{mention.line} {mention.function}"
        places.setdefault(mention.site, []).append(place)
    return places
