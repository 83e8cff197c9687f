"""The one screen of `check`: what was checked, what is not as expected, what is known.

Nothing is wider than `COLUMNS`, and everything fits `LINES` unless all of it is wanted.
"""

from __future__ import annotations

from itertools import repeat, zip_longest

from rich.console import Console
from rich.text import Text

from wakeproof.check.causes import Cause
from wakeproof.check.coverage import never, untested
from wakeproof.report.overview import Overview, place, runs_of, undecided_text, word_of
from wakeproof.report.terminal.console import COLUMNS, wrapped
from wakeproof.util.text import plural

LINES = 24
CAUSES = 13
"""So many lines are about causes that are not as expected; the first is whole in any case."""


def print_overview(console: Console, found: Overview, whole: bool = False) -> None:
    """Print the screen; `whole` prints every cause and every known finding."""
    missing = _untested(found)
    lines = [*_checked(found), *missing, Text()]
    lines += _unexpected(found, whole, CAUSES - len(missing))
    left = None if whole else max(LINES - len(lines) - 4, 2)
    lines += _known(found, left)
    lines += _more(found)
    for line in lines:
        console.print(line, soft_wrap=True)


def print_unexpected(console: Console, found: Overview) -> None:
    """Print what is not as expected, and nothing else."""
    for line in _unexpected(found, whole=True):
        console.print(line, soft_wrap=True)


def _checked(found: Overview) -> list[Text]:
    """What was checked, and what of it a baseline has."""
    lines = wrapped(f"checked {found.checked()}", 2)
    if accepted := found.in_baseline():
        lines += wrapped(f"in the baseline: {plural(accepted, 'verdict')}", 2)
    if found.gone:
        lines += wrapped(f"not there any more: {plural(found.gone, 'verdict')} of the baseline", 2)
    return lines


def _unexpected(found: Overview, whole: bool, room: int = CAUSES) -> list[Text]:
    """What is not as expected, by cause, and how to see the steps to the first of them.

    The causes take so many lines of `room`, unless the `whole` is wanted.
    """
    causes = found.unexpected
    ended = [
        line for same in found.open for line in wrapped(undecided_text(same), 3, "bold magenta")
    ]
    actions = found.wrong_actions()
    for line in actions:
        ended += wrapped(f"not as expected: the actions of {line}", 3, "bold red")
    if actions:
        hint = "hint: a parameter may have to allow it (`wakeproof list parameters`); else leave"
        ended += wrapped(f"{hint} it out, or give a reason in [program.never]", 3, "dim")
    if not causes:
        return [*ended, Text()] if ended else []
    what = "violated" if found.is_question else "not as expected"
    head = f"{what}: {plural(found.wrong(), 'verdict')}, {plural(len(causes), 'cause')}"
    lines = [Text(head, style="bold red")]
    parts = [_cause(found, number, cause) for number, cause in enumerate(causes, 1)]
    if not whole and sum(map(len, parts)) > room:
        # the first is whole, of the others each has a line
        parts[1:] = [_in_short(found, n, cause) for n, cause in enumerate(causes[1:], 2)]
    for number, part in enumerate(parts):
        if not whole and number and len(lines) + len(part) > 1 + room:
            rest = plural(len(causes) - number, "more cause")
            lines.append(Text(f"   and {rest} (-v)"))
            break
        lines += part
    if causes[0].verdict == "violated":
        lines.append(Text(f"steps of 1: {found.command_for(causes[0])}", style="cyan"))
    return [*lines, *ended, Text()]


def _untested(found: Overview) -> list[Text]:
    """What was not put to the test: a line for actions, and one for sites and properties."""
    scenarios = {}
    for scenario in dict.fromkeys(v.scenario for v in found.verdicts):
        rows = [v for v in found.verdicts if v.scenario == scenario]
        if names := untested(rows).never_taken:
            scenarios[scenario] = names
    lines = []
    if scenarios:
        actions = list(dict.fromkeys(name for names in scenarios.values() for name in names))
        where = plural(len(scenarios), "scenario")
        lines.append(f"never taken: {_few(actions, 'actions')} of {where} (--coverage)")
    every = untested(found.verdicts)
    kinds = (("sites", every.sites), ("properties", every.properties))
    parts = [_few(never(counts), kind) for kind, counts in kinds if never(counts)]
    if parts:
        lines.append(f"never put to the test: {', '.join(parts)} (--coverage)")
    return [Text(line, style="dim") for line in lines]


def _few(names: list[str], kind: str) -> str:
    """Return a name if it is the only one, else the number of them; `kind` is a plural."""
    return names[0] if len(names) == 1 else f"{len(names):,} {kind}"


def _cause(found: Overview, number: int, cause: Cause) -> list[Text]:
    """The lines of one cause: its name, where in the real code, what must hold, in which runs."""
    lines = wrapped(f" {number} {cause.short_name}: {word_of(cause)}", 3, "bold")
    site = found.sites.get(cause.site)
    if site is not None:
        lines += wrapped(f"   {place(site)}", 5)
    if cause.verdict == "violated":
        lines += wrapped(f"   must hold: {found.must_hold(cause)}", 5)
    elif cause.verdict == "holds":
        lines += wrapped(f"   was expected, as {cause.shortest.reason}", 5)
    common = found.common_to(cause)
    lines += wrapped(f"   in {runs_of(cause)}" + (f", all with {common}" if common else ""), 5)
    names = ", ".join(f.name for f in found.named(cause))
    if names and len(found.unexpected) <= 2:
        lines += wrapped(f"   like the finding {names}", 5)
    return lines


def _in_short(found: Overview, number: int, cause: Cause) -> list[Text]:
    """A cause in one line: its name, what was found if that is no violation, in how many runs."""
    word = "" if cause.verdict == "violated" else f" {word_of(cause)};"
    common = found.common_to(cause)
    runs = plural(len(cause.verdicts), "run") + (f" with {common}" if common else "")
    return wrapped(f" {number} {cause.short_name}:{word} {runs}", 3, "bold")


def _known(found: Overview, left: int | None) -> list[Text]:
    """The expected violations in two columns, each with its number of runs; `left` lines at most.

    Those that are findings have their names and the order of the registry, others follow.
    """
    runs: dict[str, int] = {}
    others: list[str] = []
    for cause in found.known:
        unnamed = 0
        for finding in map(found.finding_of, cause.verdicts, repeat(cause.site)):
            if finding is None:
                unnamed += 1
            else:
                runs[finding.name] = runs.get(finding.name, 0) + 1
        if unnamed:
            part = f": {cause.site.rsplit('::', 1)[-1]}" if cause.site else ""
            others.append(f"{unnamed:>4} ({cause.property_id}{part})")
    cells = [f"{runs[f.name]:>4} {f.name}" for f in found.findings if f.name in runs]
    more = f"{plural(len(others), 'other cause' if cells else 'cause')}"
    names = [plural(len(cells), "finding")] * bool(cells) + [more] * bool(others)
    cells += others
    if not cells:
        return []
    rows = -(-len(cells) // 2)
    width = max(map(len, cells[:rows])) + 2
    lines = [
        f"{one:<{width}}{other}"
        for one, other in zip_longest(cells[:rows], cells[rows:], fillvalue="")
    ]
    if max(map(len, lines)) > COLUMNS:
        lines = cells
    if left is not None and len(lines) > left:
        hidden = len(lines) - left + 1
        lines = [*lines[: left - 1], f"     and {plural(hidden, 'more line')} (-v)"]
    head = f"known and expected, with the number of runs: {' and '.join(names)}"
    return [Text(head, style="bold"), *(Text(line.rstrip()) for line in lines)]


def _more(found: Overview) -> list[Text]:
    """How to see more."""
    named = any(found.named(cause) for cause in found.known)
    ways = ["verdicts: -v", "steps: --traces"]
    if named:
        ways.append("a finding: wakeproof show NAME")
    return [Text("; ".join(ways), style="dim")]
