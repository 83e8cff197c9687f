"""What a test checks at its end, by the property that its trace violates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeproof.errors import InputError
from wakeproof.export.rust.body import Body
from wakeproof.export.rust.locks import refuse_deadlock
from wakeproof.export.rust.program import OutsideStep

if TYPE_CHECKING:
    from wakeproof.export.rust.from_trace import Writer

RAN = "SPAWNED_RAN.set(true);"
"""The line of a future that was spawned, by which a test knows that it has run."""
STARVED = "outside-not-starved"
"""The property that a loop of the program violates in which nothing outside runs."""
STUCK = ("no-stuck-task", "done-task-exits")
"""The properties that a task violates which waits for what cannot come."""


def set_checks(writer: Writer, for_ever: bool) -> None:
    """Set what a test checks at the end; the state at the end of the trace is loaded.

    `for_ever`: the trace violates a property of progress.

    A task that waits for ever never returns or, if its result was given, leaves its set behind.
    What was spawned has to run before anybody outside lets go, if it is owed a poll, and a loop to
    end that waits for an event which is there. Raises
    `InputError` where a property of progress has no such check, and for a deadlock of locks.
    """
    program, violated, s = writer.program, writer.violated, writer.s
    stuck = violated in STUCK
    if stuck:
        refuse_deadlock(writer.machine)
    phases = [writer.enums["Phase"][phase] for phase in s.phase]
    if stuck and "LOST" in phases:
        raise InputError(
            "no test can check what an export of synchronous type has started: nobody waits for it",
            hint="`wakeproof replay --real` plays the trace on the released crates",
        )
    waits = [
        writer.enums["HostTask"][s.host_task[task]]
        for task in writer.functions
        if phases[task] == "WAITING"
    ]
    unresolved = "BLOCKED_WAIT" in phases or any(host != "RESOLVED" for host in waits)
    program.returns = violated == "no-lost-wakeup" or (stuck and unresolved) or program.knows_frames
    program.leaves_nothing = violated == "no-leak" or (stuck and "RESOLVED" in waits)
    if violated == "no-lost-item":
        program.counts = _channel_that_loses(writer)
    if program.by_hand and program.wakes:
        raise InputError(
            "no test can check yet that a waker is woken, where operations are cancelled or "
            "forgotten by hand"
        )
    if not for_ever:
        return
    if program.flag:
        if violated == "woken-is-polled":
            _owed_body(writer).add(RAN)
        if program.outside[-1].kind != "run":
            program.outside.append(OutsideStep("run"))
        program.outside.append(OutsideStep("flag", program.flag))
    elif not stuck and violated != STARVED:
        raise InputError(
            f"no test can check {violated} yet: nobody outside sees what does not happen",
            hint="`wakeproof replay --real` plays the trace on the released crates",
        )


def _channel_that_loses(writer: Writer) -> str:
    """Return the channel whose ends have counted different numbers of items.

    Raises `InputError` if a test cannot count them.
    """
    names = [
        writer.channel(channel)
        for channel, (sent, received) in enumerate(
            zip(writer.s.sent, writer.s.received, strict=True)
        )
        if sent != received and writer.peer(channel)
    ]
    if not writer.program.by_hand or not names:
        raise InputError(
            "no test can count yet what goes through a stream whose ends are both inside, or "
            "without operations that are cancelled or forgotten by hand"
        )
    return names[0]


def _owed_body(writer: Writer) -> Body:
    """Return the body of a future that was spawned, is owed a poll and has never run.

    Raises `InputError` if there is none.
    """
    owed, roots = writer.machine.namespace["is_owed_a_poll"], set(writer.p.root)
    for future, body in writer.bodies.items():
        if owed(future) and future not in roots and not body.lines:
            return body
    raise InputError("a future that has run before cannot be written as Rust yet")
