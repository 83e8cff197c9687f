"""The page of conformance: the model beside real implementations, section by section."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.conform.component.known_bugs import KNOWN_BUGS
from wakeproof.conform.component.replay import Sight
from wakeproof.conform.guest.comparison import GuestConformance
from wakeproof.conform.guest.reproduce import Reproduction
from wakeproof.conform.host.compare import HostConformance
from wakeproof.conform.host.traps import KNOWN_DIFFERENCES
from wakeproof.conform.spec.check import CheckedAssertion, SpecConformance
from wakeproof.language.model import Model
from wakeproof.report.conformance_text import Counterpart, host_text, spec_text, walks_text
from wakeproof.report.pages.dots import dots
from wakeproof.report.pages.names import code, violation_name
from wakeproof.util.markdown import table_head, table_row
from wakeproof.util.text import plural

# names of tasks in what is seen of a trace, and the place of a panic
NAMES = re.compile(r"`[^`]+`(?: and `[^`]+`)*")
PLACE = re.compile(r"wit-bindgen \S+, \S*?(\w+\.rs), line \d+")


def walks_drawing(calls: Mapping[str, int], actions: Mapping[str, int]) -> str:
    """Return how often each call and action of walks was compared, as an SVG."""
    return dots(
        "How often each call and each action was compared", {"call": calls, "action": actions}
    )


def host_drawing(builtins: Mapping[str, int]) -> str:
    """Return how often each builtin was compared, as an SVG."""
    return dots("How often each builtin was compared", {"builtin": builtins})


def host_section(result: HostConformance, command: str, drawing: str) -> str:
    """Return the section about the host layer, with the command that made it and a drawing."""
    return "\n".join(
        [
            *_head("The model's host layer against Wasmtime", command, host_text(result)),
            *_image("how often each builtin was compared", drawing),
            "Where the two differ and the model does not follow Wasmtime:",
            "",
            *(f"- {known.reason}" for known in KNOWN_DIFFERENCES),
            "",
            *_count_table(("builtin", "calls"), result.builtins),
            "",
            *_count_table(("trap on both sides", "times"), result.traps),
            "",
        ]
    )


def spec_section(results: Sequence[SpecConformance], command: str) -> str:
    """Return the section about the specification's tests, with the command that made it."""
    return "\n".join(
        [
            *_head("The specification's own tests", command, spec_text(results)),
            "On the model's host layer run the programs of the interpreter, and components that",
            "are translated into its calls: one holds if every result is the one that it expects.",
            "On Wasmtime run whole files. What is *outside* is about something that is missing",
            "there.",
            "",
            *(line for result in results for line in _spec_table(result)),
        ]
    )


def _spec_table(result: SpecConformance) -> Iterator[str]:
    """Yield the table of one check, up to an empty line; files of known commits have theirs."""
    yield from table_head(
        *("file", *(["commit"] if result.versions else []), "assertions", "model: held", "outside"),
        *("Wasmtime: held", "outside", "what is missing"),
    )
    for file in result.files:
        asserted = [a for a in result.assertions if a.file == file]
        on_model = Counter(a.model.word for a in asserted)
        on_wasmtime = Counter(a.wasmtime.word for a in asserted if a.wasmtime)
        counts = [len(asserted), on_model["held"], on_model["outside"]]
        counts += [on_wasmtime["held"], on_wasmtime["outside"]]
        version = [str(result.versions.get(file, ""))] if result.versions else []
        yield table_row(
            code(file),
            *version,
            *(f"{number:,}" for number in counts),
            "; ".join(_reasons(asserted)),
        )
    yield ""


def _reasons(assertions: Sequence[CheckedAssertion]) -> Iterator[str]:
    """Yield the reasons why assertions are outside, each once, with the reference."""
    reasons = Counter(("the model", a.model.outside) for a in assertions)
    reasons += Counter(("Wasmtime", a.wasmtime.outside) for a in assertions if a.wasmtime)
    for (of, why), number in reasons.items():
        if why:
            yield f"{of} ({number:,}): {why}"


def walks_section(
    result: GuestConformance, model: Model, command: str, counterpart: Counterpart, drawing: str
) -> str:
    """Return the section about walks, with the command that made it and a drawing."""
    ends = sorted(result.sites | result.traces)
    return "\n".join(
        [
            *_head(counterpart.heading, command, walks_text(result, model, counterpart)),
            *_image("how often each call and each action was compared", drawing),
            *table_head("the same end on both sides", "kind", "walks", "traces"),
            *(
                table_row(
                    code(site),
                    kind,
                    f"{result.sites[kind, site]:,}",
                    f"{result.traces[kind, site]:,}",
                )
                for kind, site in ends
            ),
            "",
            "Sites of the guest that a program can reach, and that no walk and no trace reached:",
            "",
            *(f"- `{site}`" for site in result.unreached(model)),
            "",
            *_count_table(("call", "times"), result.calls),
            "",
            *_count_table(("action", "times"), result.actions),
            "",
        ]
    )


def _head(heading: str, command: str, text: str) -> list[str]:
    """Return the head of a section, up to the empty line after its summary."""
    return [f"## {heading}", "", f"Generated by `{command}`.", "", "```text", text, "```", ""]


def _image(says: str, file: str) -> list[str]:
    """Return a drawing beside the page, up to an empty line; nothing without a file."""
    return [f"![{says}]({file})", ""] if file else []


def _count_table(columns: tuple[str, str], counts: Counter[str]) -> list[str]:
    """Return a table of names and how often each occurs."""
    rows = (table_row(code(name), f"{count:,}") for name, count in sorted(counts.items()))
    return [*table_head(*columns), *rows]


@dataclass
class ReplayedTraces:
    """Counts of replayed traces by violation, outcome on the crates and outcome on Wasmtime."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, property_id: str, site: str, crates: Reproduction, wasmtime: Sight) -> None:
        """Count a trace that still happens in the model."""
        violation = violation_name(property_id, site)
        self.counts[violation, crates.word, generalised(wasmtime)] += 1


def generalised(sight: Sight) -> str:
    """Return what is seen on Wasmtime without the names of the trace and the lines of a release."""
    seen = PLACE.sub(r"`\1`", sight.seen)
    if "never" in seen:
        many = " and " in "".join(NAMES.findall(seen))
        seen = NAMES.sub("tasks" if many else "a task", seen)
    return seen


def replay_section(traces: ReplayedTraces, command: str) -> str:
    """Return the replayed traces; `command` is the command line that made the section."""
    counts = traces.counts
    lines = [
        "## Traces in the model, on the released crates and on Wasmtime",
        "",
        f"Generated by `{command}`.",
        "",
        f"{plural(sum(counts.values()), 'trace')}, each the shortest to its violation in one mix",
        "and build. *Not visible*: the crates make the same calls, and no host could see",
        "anything. On Wasmtime the host and the peers then complete what they can, and the program",
        "ends. *Nothing to see*: all calls return, and no caller can see what is left behind (a",
        "task's set, an event, a future that never runs).",
        "",
        *table_head("in the model", "on the crates", "on Wasmtime", "traces"),
        *(table_row(*row, f"{count:,}") for row, count in sorted(counts.items())),
    ]
    met = [words for words in KNOWN_BUGS if any(words in seen for _, _, seen in counts)]
    if met:
        lines += ["", "Where the crates and Wasmtime do not end alike:", ""]
        lines += [f"- {words}: {KNOWN_BUGS[words].why}." for words in met]
    return "\n".join(lines) + "\n"
