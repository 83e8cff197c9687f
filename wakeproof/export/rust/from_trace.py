"""From a trace to a Rust program: the same steps as straight-line code.

Every async export becomes a function, every nested `block_on` a block in it, every step of a
future a line. What happens outside (calls, cancellations, the peers of streams and futures) becomes
a list of moments, which a runner or a host goes through. `rust_test.py` writes both as files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from wakeproof.crates.actions import ActionRow, action_rows
from wakeproof.errors import InputError
from wakeproof.export.rust.program import (
    KEYWORDS,
    Body,
    Channel,
    Export,
    Moment,
    Program,
    ident,
    opened,
)
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance

POLLED = re.compile(r"assert!\(poll_once\(&mut (\w+)\)\.await\.is_pending\(\)\);")
NO_ROW = ActionRow()


def program_of(instance: Instance, steps: Sequence[Step], violated: str) -> Program:
    """The program of a trace that violates a property: that says what must hold in the end.

    Raises `InputError` for a step that cannot be written as Rust yet, by its name.
    """
    first = Writer(instance, frozenset(), violated)
    first.write(steps)
    if not first.touched:
        return first.program
    # what a destructor does more to than drop it must be where the destructor reaches it
    again = Writer(instance, frozenset(first.touched), violated)
    again.write(steps)
    return again.program


class Writer:
    """Takes the steps in the model, and writes each where it belongs.

    `kept` are operations that live in shared storage although a future owns them.
    """

    def __init__(self, instance: Instance, kept: frozenset[int], violated: str) -> None:
        self.machine = instance.machine()
        self.enums = self.machine.program.enums
        self.s: Any = self.machine.s
        self.p: Any = self.machine.namespace["p"]
        self.names = instance.names
        self.kept = kept
        self.touched: set[int] = set()
        self.program = Program()
        self.violated = violated
        self.program.spawned_ran = violated == "no-lost-spawn"
        self.program.wakes = violated == "no-waitable-in-dead-set"
        self.bodies: dict[int, Body] = {}
        self.sync = Body()
        self.ended: dict[int, str] = {}
        # where an operation is: a variable of the future that owns it, or shared storage
        self.local: dict[int, bool] = {}
        self.used: dict[int, set[str]] = {}
        self.last = ""
        self.next: Step | None = None

    def unused(self) -> set[str]:
        """Helpers that no line uses any more."""
        text = "\n".join(line for e in self.program.exports for line in e.body.flat())
        return {name for name in ("suspend", "poll_once") if f"{name}(" not in text}

    @staticmethod
    def awaited(body: Body) -> None:
        """Where a poll, a return to the executor and another poll are what `await` does."""
        lines = body.lines
        for line in lines:
            if not isinstance(line, str):
                Writer.awaited(line[1])
        place = 0
        while place + 1 < len(lines):
            polled = POLLED.fullmatch(str(lines[place]))
            if polled and lines[place + 1] == "suspend().await;":
                name, after = polled[1], lines[place + 2 : place + 3]
                if after in ([], [f"assert!(poll_once(&mut {name}).await.is_ready());"]):
                    lines[place : place + 3] = [f"(&mut {name}).await;"]
            place += 1

    def write(self, steps: Sequence[Step]) -> None:
        """Write all steps."""
        state = self.machine.initial()
        for number, step in enumerate(steps, 1):
            self.machine.load(state)
            self.next = steps[number] if number < len(steps) else None
            wrong = None
            method = getattr(self, f"on_{step.action}", None)
            row = action_rows().get(step.action, NO_ROW)
            if method is None and not row.rust:
                raise InputError(f"step {number}, {step.action}, cannot be written as Rust yet")
            arguments: tuple[Any, ...] = step.arguments
            then = self.by_row(row, *arguments) if method is None else method(*arguments)
            try:
                self.machine.namespace[step.action](*step.arguments)
            except WentWrong as error:
                wrong = error
            except GuardFailed:
                raise InputError(
                    f"step {number}, {step.action}, is not possible in this model",
                    hint="export a trace of the model at hand: `wakeproof replay` says more",
                ) from None
            if then is not None:
                then(wrong is not None)
            self.last = step.action
            state = self.machine.save()
        if not self.program.wakes:
            for body in [export.body for export in self.program.exports]:
                self.awaited(body)
        self.program.helpers -= self.unused()
        self.must_hold(state)
        if any(b.cleanup and b.cleanup.lines for b in self.bodies.values()):
            self.need("OnDrop")
        self.program.channels = [self.channel(c, ends) for c, ends in sorted(self.used.items())]

    def must_hold(self, state: Any) -> None:
        """What the runner asks in the end: a task that waits for ever is one that never returns
        or, where its result was given, one that leaves its set behind.
        """
        self.machine.load(state)
        stuck = self.violated == "no-stuck-task"
        phases = [self.enums["Phase"][phase] for phase in self.s.phase]
        waits = [
            self.enums["HostTask"][self.s.host_task[task]]
            for task in self.ended
            if phases[task] == "WAITING"
        ]
        unresolved = "BLOCKED_WAIT" in phases or any(host != "RESOLVED" for host in waits)
        self.program.returns = self.violated == "no-lost-wakeup" or (stuck and unresolved)
        self.program.leaves_nothing = self.violated == "no-leak" or (stuck and "RESOLVED" in waits)

    # --- where a line belongs ---------------------------------------------------------------

    def here(self) -> Body:
        """The body that the running code is in."""
        s = self.s
        if s.running is None:
            return self.sync
        if self.in_cleanup():
            future = self.machine.namespace["dropped_now"](s.running)
            body = self.bodies[future]
            if body.cleanup is None:
                body.cleanup = Body()
            return body.cleanup
        return self.bodies[s.polling[s.running]]

    def in_cleanup(self) -> bool:
        """A destructor runs."""
        running = self.s.running
        return running is not None and self.enums["Phase"][self.s.phase[running]] == "DROPPING"

    def say(self, *lines: str) -> None:
        """Add lines where the program stands."""
        self.here().lines.extend(lines)

    def need(self, *helpers: str) -> None:
        """The code uses these."""
        self.program.helpers.update(helpers)

    def moment(self, kind: str, what: str = "", waits: bool = False) -> None:
        """Add what happens outside."""
        if kind == "run" and self.program.moments and self.program.moments[-1].kind == "run":
            return
        self.program.moments.append(Moment(kind, what, waits))

    # --- names ------------------------------------------------------------------------------

    def operation(self, operation: int) -> str:
        """The variable of an operation; its storage has the same name in capitals."""
        name = ident(self.names["Operation"][operation])
        return name

    def slot(self, operation: int) -> str:
        """The shared storage of an operation."""
        name = self.operation(operation).upper()
        if name not in self.program.stored:
            self.program.stored.append(name)
        return name

    def waker(self, future: int) -> str:
        """Where the waker of a future is kept."""
        name = ident(self.names["Future"][future]).upper().removesuffix("_BODY") + "_WAKER"
        if name not in self.program.wakers:
            self.program.wakers.append(name)
        return name

    def handle(self, future: int) -> str:
        """Where the `JoinHandle` of a future is kept."""
        name = ident(self.names["Future"][future]).upper() + "_HANDLE"
        if name not in self.program.handles:
            self.program.handles.append(name)
        return name

    def end(self, channel: int, side: str) -> str:
        """The ident of a channel of which the program uses an end."""
        self.used.setdefault(channel, set()).add(side)
        return ident(self.names["Channel"][channel])

    def channel(self, channel: int, ends: set[str]) -> Channel:
        """A channel with the ends that are used."""
        outside = {"READ": "read", "WRITE": "write"}.get(
            self.enums["Side"][self.p.remote[channel]], ""
        )
        name = ident(self.names["Channel"][channel])
        return Channel(name, self.p.is_future[channel], outside, "read" in ends, "write" in ends)

    def export(self, name: str, is_async: bool) -> Body:
        """A new function; a second one of the same name is numbered."""
        taken = {export.name for export in self.program.exports}
        name = KEYWORDS.get(name, name)
        number, fresh = 2, name
        while fresh in taken:
            fresh, number = f"{name}-{number}", number + 1
        body = Body()
        self.program.exports.append(Export(fresh, fresh.replace("-", "_"), is_async, body))
        return body

    # --- what happens outside ---------------------------------------------------------------

    def on_call_export(self, task: int) -> None:
        """A function of its own."""
        body = self.export(self.names["Task"][task], True)
        self.bodies[self.p.root[task]] = body
        self.ended[task] = self.program.exports[-1].ident
        self.moment("call", self.ended[task])

    def on_call_sync_export(self, kind: str = "sync") -> None:
        """A function, named after the first thing that it does."""
        self.sync = self.export(self.purpose(), False)
        self.moment(kind, self.program.exports[-1].ident)

    def on_call_sync_lifted_export(self) -> None:
        """The same, of a type that allows it to wait."""
        self.on_call_sync_export("lifted")

    def on_trap_blocked_sync_export(self, _: int) -> None:
        """What the host does when an export of synchronous type waits."""

    def purpose(self) -> str:
        """What an export of synchronous type is there for: its first step."""
        if self.next is None:
            return "nothing"
        verb, _, rest = self.next.action.partition("_")
        if rest in ("reader", "writer"):
            return f"{verb}-{self.names['Channel'][self.next.arguments[0] or 0]}"
        if verb in ("poll", "drop") and rest != "waker":
            return f"{verb}-{self.names['Operation'][self.next.arguments[0] or 0]}"
        return verb

    def on_request_cancellation(self, task: int) -> None:
        """The caller drops its call."""
        self.moment("cancel", self.ended[task], waits=self.s.running is not None)

    def on_deliver_event(self, *_: object) -> None:
        """The component runs."""
        self.moment("run")

    on_resume_yielded = on_deliver_event
    on_waitable_set_wait = on_deliver_event

    def on_waitable_set_poll(self, *_: object) -> None:
        """The runtime's own doing."""

    on_waitable_set_poll_of_block_on = on_waitable_set_poll
    # the host's, once the task waits
    on_deliver_pending_cancel = on_waitable_set_poll
    on_resume_block_on = on_waitable_set_poll

    def on_peer_copy(self, channel: int) -> Any:
        """The peer reads or writes."""

        def then(_: bool) -> None:
            waits = self.s.pending_side[channel] == self.p.remote[channel]
            self.moment("copy", ident(self.names["Channel"][channel]), waits)

        return then

    def on_peer_drop(self, channel: int) -> None:
        """The peer drops its end."""
        self.moment("drop", ident(self.names["Channel"][channel]))

    # --- polls ------------------------------------------------------------------------------

    def on_poll(self, operation: int) -> Any:
        """With the waker of the future that runs."""
        self.need("poll_once")
        return self.poll(operation, "poll_once(&mut {}).await")

    def on_poll_with_noop_waker(self, operation: int) -> Any:
        """With a waker that does nothing."""
        self.need("Context", "Waker")
        return self.poll(operation, "{}.as_mut().poll(&mut Context::from_waker(Waker::noop()))")

    def on_poll_with_waker_of(self, operation: int, future: int) -> Any:
        """With a waker that was kept."""
        self.need("Context")
        waker = self.waker(future)
        self.say(f"let waker = {waker}.with_borrow(|waker| waker.clone().unwrap());")
        return self.poll(operation, "{}.as_mut().poll(&mut Context::from_waker(&waker))")

    def on_call_import(self, operation: int, answer: int) -> Any:
        """The first poll of a call, which comes as far as `answer`."""
        self.answer(answer)
        return self.on_poll(operation)

    def on_call_import_with_noop_waker(self, operation: int, answer: int) -> Any:
        """The same with a waker that does nothing."""
        self.answer(answer)
        return self.on_poll_with_noop_waker(operation)

    def answer(self, answer: int) -> None:
        """How far the callee goes is set before the call."""
        state = self.enums["SubtaskState"][answer]
        self.program.answers.append(state)
        self.program.moments.insert(-1, Moment("answer", state))

    def on_subtask_progress(self, handle: int) -> None:
        """The callee starts, or returns."""
        calls = [h for h in self.s.subtask if h is not None]
        if calls != [handle]:
            raise InputError("subtask_progress of several calls cannot be written as Rust yet")
        started = self.enums["SubtaskState"][self.s.subtask_state[handle]] != "STARTING"
        self.moment("progress", "RETURNED" if started else "STARTED")

    def poll(self, operation: int, code: str) -> Any:
        """Poll an operation where it is, made first if it is not there; a function for after."""
        here, name = self.here(), self.operation(operation)
        is_new = self.is_free(operation)
        if self.in_cleanup():
            self.touched.add(operation)
        if is_new:
            here.lines.append(f"let mut {name} = {self.made(operation)};")
            owned = self.s.running is not None and not self.in_cleanup()
            self.local[operation] = owned and operation not in self.kept
        elif not self.local[operation]:
            here.lines.append(f"let mut {name} = {self.slot(operation)}.take().unwrap();")

        def then(wrong: bool) -> None:
            call = code.format(name)
            if wrong:
                here.lines.append(f"let _ = {call};")
            else:
                ready = self.is_free(operation)
                here.lines.append(f"assert!({call}.is_{'ready' if ready else 'pending'}());")
            if not self.local[operation]:
                here.lines.append(f"{self.slot(operation)}.set(Some({name}));")

        return then

    def is_free(self, operation: int) -> bool:
        """There is no operation, or one that is over."""
        return self.enums["OperationState"][self.s.state[operation]] in ("FREE", "DONE")

    def made(self, operation: int) -> str:
        """The call that makes an operation."""
        kind = self.enums["OperationKind"][self.p.kind[operation]]
        if kind == "SUBTASK":
            return "Box::pin(work()) as Operation"
        side = kind.split("_")[1].lower()
        channel = self.p.channel[operation]
        name = self.end(channel, side)
        maker = f"{side}_{name}"
        self.program.operations[maker] = (name, side)
        return f"{maker}()"

    # --- moving and dropping ----------------------------------------------------------------

    def on_drop_operation(self, operation: int, _: bool) -> None:
        """Dropped by name; by itself where the future that owns it is dropped."""
        if self.in_cleanup():
            body = self.here()
            if self.local[operation] and not body.lines:
                self.local.pop(operation)
                return
            self.touched.add(operation)
        name = self.operation(operation)
        self.say(
            f"drop({name});" if self.local[operation] else f"drop({self.slot(operation)}.take());"
        )
        self.local.pop(operation)

    def on_move_to_storage(self, operation: int) -> None:
        """From a variable into storage."""
        if self.in_cleanup():
            self.touched.add(operation)
        slot = self.slot(operation)
        if self.local[operation]:
            self.say(f"{slot}.set(Some({self.operation(operation)}));")
        self.local[operation] = False

    def on_take_from_storage(self, operation: int) -> None:
        """From storage into a variable."""
        if operation in self.kept:
            return
        self.say(f"let mut {self.operation(operation)} = {self.slot(operation)}.take().unwrap();")
        self.local[operation] = True

    def on_open_channel(self, channel: int) -> None:
        """Made again, once both ends are gone."""
        if self.enums["Side"][self.p.remote[channel]] != "NONE":
            raise InputError(
                "open_channel of a channel with an end outside cannot be written as Rust yet"
            )
        name = self.end(channel, "read")
        self.end(channel, "write")
        self.say(*opened(name, self.p.is_future[channel]))

    def on_drop_reader(self, channel: int) -> None:
        """The reader goes."""
        self.say(f"drop({self.end(channel, 'read').upper()}_READER.take());")

    def on_drop_writer(self, channel: int) -> None:
        """The writer goes."""
        self.say(f"drop({self.end(channel, 'write').upper()}_WRITER.take());")

    # --- wakers -----------------------------------------------------------------------------

    def on_keep_waker(self) -> None:
        """The waker of the future that runs, into storage."""
        self.need("current_waker")
        waker = self.waker(self.s.polling[self.s.running])
        self.say(f"{waker}.set(Some(current_waker().await));")

    def on_wake_self(self) -> None:
        """The first half of `yield_async`, if the future returns at once."""
        self.need("yield_async" if self.yields() else "wake_self")
        self.say("yield_async().await;" if self.yields() else "wake_self().await;")

    def yields(self) -> bool:
        """What comes next ends the poll."""
        return self.next is None or self.next.action == "return_pending"

    # --- futures ----------------------------------------------------------------------------

    def on_return_pending(self) -> None:
        """To the executor and back."""
        if self.last == "wake_self":
            return
        self.need("suspend")
        self.say("suspend().await;")

    def on_return_ready(self) -> None:
        """The end of the body."""

    def on_finish_drop(self) -> None:
        """The end of the destructor."""

    on_return_sync_export = on_finish_drop
    on_return_sync_lifted_export = on_finish_drop

    def on_block_on(self, task: int) -> None:
        """A block in the code that calls it."""
        self.need("block_on")
        body = Body()
        self.here().lines.append(("block_on(async {", body, "});"))
        self.bodies[self.p.root[task]] = body

    def on_spawn_local(self, future: int) -> None:
        """A block, which somebody polls later."""
        self.need("spawn_local")
        body = Body()
        if self.program.spawned_ran:
            body.lines.append("SPAWNED_RAN.set(true);")
        head, end = "spawn_local(async {", "});"
        if self.p.keep_join_handles:
            head, end = f"{self.handle(future)}.set(Some({head}", "})));"
        self.here().lines.append((head, body, end))
        self.bodies[future] = body

    # --- by a row ---------------------------------------------------------------------------

    def by_row(self, row: ActionRow, future: int) -> Any:
        """The line that a row says, once it is known what the step gives."""
        self.need(*row.needs)
        here, places = self.here(), {}
        if "{waker}" in row.rust:
            places["waker"] = self.waker(future)
        if "{handle}" in row.rust:
            places["handle"] = self.handle(future)

        def then(_: bool) -> None:
            waits = bool(row.pending) and getattr(self.s, row.pending)[future]
            here.lines.append(row.rust.format(answer="pending" if waits else "ready", **places))

        return then
