"""The steps outside of a program, in words and as calls of the host of an exported crate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wakeproof.export.rust.program import Channel, OutsideStep, Program
from wakeproof.export.rust.turns import TURNS

# in words, the step in which the component runs and nothing happens outside
RUNS = "the component runs"
FLAGS = {
    "spawned_ran": ("what was spawned has run", "what was spawned never runs"),
    "loop_ended": ("the loop has ended", "the loop never ends, though what it waits for is there"),
}
"""What each flag of a program says once it is set, and what it means if it is not."""


@dataclass(frozen=True)
class HostScript:
    """What the crate's `main` does.

    `prepare` are the lines before the first step; each of `steps` is a step in words and as an
    argument of `host::run`; `check` are the arguments that check what must hold at the end.
    """

    prepare: list[str]
    steps: list[tuple[str, str]]
    check: str


def host_script(program: Program) -> HostScript:
    """Return what happens outside of a program."""
    channels = {channel.ident: channel for channel in program.channels}
    steps = [_host_step(step, channels) for step in program.outside if step.kind != "answer"]
    return HostScript(_prepare_lines(program), steps, _check(program))


def _check(program: Program) -> str:
    """Return the function that checks what must hold at the end, and what it means if not."""
    if program.takes_turns:
        return f'Component::ran_in_time, "nothing outside runs in {TURNS:,} turns of the loop"'
    if program.leaves_nothing and program.by_hand:
        check = "|| host::is_empty_after(Component::let_go)"
        return f'{check}, "something is left in the table of handles"'
    if program.counts:
        check = f'|| Component::items() == host::items("{program.counts}")'
        return f'{check}, "an item was lost on the way, or came twice"'
    if program.flag:
        return _flag(program.flag)
    return '|| true, ""'


def _flag(flag: str) -> str:
    """Return the function that gives a flag of the program, and what it means if it is not set."""
    return f'Component::{flag}, "{FLAGS[flag][1]}"'


def _prepare_lines(program: Program) -> list[str]:
    """Return the lines that set the answers of the import and hand over ends of channels."""
    lines = []
    if program.takes_turns:
        lines.append("host::while_it_yields(|| host::call_sync(Component::outside));")
    if program.answers:
        states = ", ".join(f"host::{answer}" for answer in program.answers)
        lines.append(f"host::answers(&[{states}]);")
    if program.channels:
        arguments = [
            f'bindings::{"future" if c.is_future else "stream"}_reader("{c.ident}")'
            for c in program.channels
            if c.outside == "write"
        ]
        call = f"Component::prepare({', '.join(arguments)})"
        given = [c.ident for c in program.channels if c.outside == "read"]
        lines.append(f"let reader = {call};" if given else f"{call};")
        lines += [f'host::give("{name}", reader.take_handle());' for name in given]
    return lines


def _host_step(step: OutsideStep, channels: Mapping[str, Channel]) -> tuple[str, str]:
    """Return a step in words, and how the crate's host takes it."""
    subject = step.subject
    match step.kind:
        case "call":
            call = f'Some(|| host::call("{subject}", Component::{subject}))'
            return f"`{subject}` is called", call
        case "sync" | "lifted":
            call = f"Some(|| host::call_{step.kind}(Component::{subject}))"
            return f"`{subject}` is called", call
        case "progress" if subject == "CANCELLED":
            return "the callee answers its cancellation", "None"
        case "progress":
            return "the call goes on", "Some(|| drop(host::call_progresses()))"
        case "cancel":
            return f"`{subject}` is cancelled", f'Some(|| host::cancel("{subject}"))'
        case "copy":
            writes = channels[subject].outside == "write"
            words = f"`{subject}` is {'written' if writes else 'read'}"
            return words, f'Some(|| host::peer_copies("{subject}", {int(writes)}))'
        case "drop":
            writes = channels[subject].outside == "write"
            words = f"the {'writer' if writes else 'reader'} of `{subject}` is dropped"
            return words, f'Some(|| host::peer_drops("{subject}", {int(writes)}))'
        case "drop-handed":
            words = f"the other component drops `{subject}`"
            return words, f'Some(|| host::peer_drops("{subject}", 0))'
        case "flag":
            return FLAGS[subject][0], f"Some(|| host::must_hold({_flag(subject)}))"
        case _:
            return RUNS, "None"
