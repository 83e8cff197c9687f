"""Comparisons with real implementations as text, which the terminal and the page share."""

from __future__ import annotations

from wakeproof.conform.host.compare import Divergence, HostConformance
from wakeproof.conform.host.outcome_text import tell
from wakeproof.conform.host.traps import KNOWN_DIFFERENCES


def host_text(result: HostConformance) -> str:
    """Return the comparison with Wasmtime in a few lines, with every divergence."""
    spread = ", ".join(f"{name} to {length}" for name, length in result.exhaustive.items())
    lines = [
        f"{result.calls:,} builtin calls in {result.sequences:,} sequences on {result.engine} and "
        f"on the model, seed {result.seed}: {result.seconds:.1f} s, {result.rate:,.0f} a second",
        f"all short sequences, by length: {spread} ({result.exhaustive_calls:,} calls)",
        f"events compared: {sum(result.events.values()):,}; "
        f"traps compared: {sum(result.traps.values()):,} at {len(result.traps)} sites",
    ]
    if result.unreached:
        lines.append("never reached: " + ", ".join(result.unreached))
    for known in KNOWN_DIFFERENCES:
        if result.explained[known.id]:
            lines.append(f"explained, {result.explained[known.id]} times: {known.reason}")
    for divergence in result.divergences:
        lines += _host_divergence(divergence)
    number = len(result.divergences)
    plural = "" if number == 1 else "s"
    lines.append(
        f"{number} unexplained divergence{plural}" if number else "no unexplained divergence"
    )
    return "\n".join(lines)


def _host_divergence(divergence: Divergence) -> list[str]:
    """Return the calls of a sequence; of the last one what it gives on both sides."""
    item = divergence.payload or "nothing"
    lines = ["", f"divergence (items of type {item}):"]
    rows = zip(divergence.calls, divergence.model, divergence.wasmtime, strict=True)
    for number, (call, here, there) in enumerate(rows, 1):
        if number < len(divergence.calls):
            lines.append(f"  {number:2} {call} = {tell(call, here)}")
        else:
            lines.append(f"  {number:2} {call}")
            lines.append(f"       model:    {tell(call, here)}")
            lines.append(f"       Wasmtime: {tell(call, there)}")
    return lines
