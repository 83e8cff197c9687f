"""What GitHub shows of a run: annotations, and the summary of a step in Markdown."""

from __future__ import annotations

from wakeproof.report.overview import Overview, place, runs_of, undecided_text, word_of
from wakeproof.util.markdown import table_head, table_row
from wakeproof.util.text import plural

MOST = 10
"""Causes of a summary or of annotations, of which GitHub shows so many for a step."""
NOT_DECIDED = 3
"""Reasons of what is not decided in a summary; they are long."""


def annotation_lines(found: Overview) -> list[str]:
    """Return workflow commands for causes and actions not as expected, and what is not decided.

    They are `MOST` at most.
    """
    lines = []
    for cause in found.unexpected[:MOST]:
        site = found.sites.get(cause.site)
        where = f"{place(site)}\n" if site else ""
        text = f"{word_of(cause)}\n{where}must hold: {found.must_hold(cause)}\nin {runs_of(cause)}"
        path = found.relative(cause.shortest.scenario)
        file = f"file={escaped(path, ',:')},line=1," if path else ""
        lines.append(f"::error {file}title={escaped(cause.short_name, ',:')}::{escaped(text)}")
    lines += [
        f"::error title=actions not as expected::{escaped(line)}" for line in found.wrong_actions()
    ]
    lines += [f"::warning title=not decided::{escaped(undecided_text(o))}" for o in found.open]
    return lines[:MOST]


def escaped(text: str, more: str = "") -> str:
    """Return a text as a value of a workflow command; `more` are the separators of properties."""
    for letter in ("%", "\r", "\n", *more):
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


def summary(found: Overview) -> str:
    """Return a summary in Markdown that fits a screen."""
    causes = found.unexpected
    actions = found.wrong_actions()
    heads = [f"{plural(len(causes), 'cause')} not as expected"] * bool(causes)
    heads += [f"{plural(len(actions), 'scenario')} with actions not as expected"] * bool(actions)
    heads += [f"{plural(found.undecided(), 'verdict')} not decided"] * bool(found.open)
    head = ", ".join(heads) or "all as expected"
    lines = [f"## Wakeproof: {head}", "", f"Checked {found.checked()}.", ""]
    lines += [f"- the actions of {line}" for line in actions] + [""] * bool(actions)
    if causes:
        lines += table_head("what", "must hold", "in")
        for cause in causes[:MOST]:
            site = found.sites.get(cause.site)
            name = f"**{cause.property_id}**: {word_of(cause)}"
            name += f"; {place(site)}" if site else ""
            common = found.common_to(cause)
            runs = runs_of(cause) + (f", all with {common}" if common else "")
            lines.append(table_row(name, found.must_hold(cause), runs))
        if len(causes) > MOST:
            lines.append(table_row(f"and {len(causes) - MOST} more", "", ""))
        lines.append("")
        if causes[0].verdict == "violated":
            lines += [f"Steps of the first: `{found.command_for(causes[0])}`", ""]
    lines += [f"- {undecided_text(same)}" for same in found.open[:NOT_DECIDED]]
    if len(found.open) > NOT_DECIDED:
        lines.append(f"- and {plural(len(found.open) - NOT_DECIDED, 'more reason')}")
    lines += [""] * bool(found.open)
    if found.known:
        names = {f"`{f.name}`": None for cause in found.known for f in found.named(cause)}
        others = [f"`{cause.short_name}`" for cause in found.known if not found.named(cause)]
        heads = [plural(len(names), "finding")] * bool(names)
        heads += [plural(len(others), "other cause" if names else "cause")] * bool(others)
        lines += [
            f"<details><summary>Known and expected: {' and '.join(heads)}</summary>",
            "",
            ", ".join([*names, *others]),
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)
