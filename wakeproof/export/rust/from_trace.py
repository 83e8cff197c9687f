"""Translate a trace into a Rust program: the same steps as straight-line code.

An async export becomes a function, a nested `block_on` a block in it, a step of a future a line.
What happens outside (calls, cancellations, the peers of streams and futures) becomes a list of
steps, which the runner of a test or the host of a crate takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wakeproof.crates.actions import ActionRow, action_rows
from wakeproof.errors import InputError
from wakeproof.export.rust.body import Body
from wakeproof.export.rust.by_hand import BY_HAND, ByHand
from wakeproof.export.rust.callees import Callees
from wakeproof.export.rust.checks import RAN, set_checks
from wakeproof.export.rust.peers_inside import PeersInside
from wakeproof.export.rust.program import (
    KEYWORDS,
    Channel,
    Export,
    Maker,
    OutsideStep,
    Program,
    ident,
    open_lines,
)
from wakeproof.export.rust.turns import Loop, from_its_head
from wakeproof.export.rust.wakers import Wakers
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance

NO_ROW = ActionRow()
SPAWNED = ("no-lost-spawn", "spawned-is-polled", "woken-is-polled")
"""The properties whose test is that what was spawned has run."""


def program_of(
    instance: Instance, steps: Sequence[Step], violated: str, loop: int | None = None
) -> Program:
    """Return the program of a trace; the property `violated` decides what it checks at the end.

    The steps from the number `loop` on, counted from 0, are repeated for ever. Raises `InputError`
    for a step or a loop that cannot be written as Rust yet.
    """
    by_hand = any(step.action in BY_HAND for step in steps)
    first = Writer(instance, frozenset(), violated, by_hand)
    first.write(steps, loop)
    if not first.used_in_destructors:
        return first.program
    # a destructor reaches an operation that it polls or moves only in shared storage
    second = Writer(instance, frozenset(first.used_in_destructors), violated)
    second.write(steps, loop)
    return second.program


class Writer:
    """Takes the steps in the model and writes each to the body in which it runs.

    `shared` are operations that are kept in shared storage although a future owns them; `by_hand`
    says that all operations are in variables, as some are cancelled or forgotten by hand. A method
    `on_ACTION` writes a step of that action, given its arguments, before the model takes the step;
    it may return a function, which is called after the step with whether the step ends the run.
    What is about wakers is in `Wakers`, and what differs in a program `by_hand` in `ByHand`. An
    action without a method has a row in `conformance/guest/actions.toml`.
    """

    def __init__(
        self,
        instance: Instance,
        shared: frozenset[int],
        violated: str,
        by_hand: bool = False,
    ) -> None:
        self.machine = instance.machine()
        self.enums = self.machine.program.enums
        self.s: Any = self.machine.s
        self.p: Any = self.machine.namespace["p"]
        self.names = instance.names
        self.shared = shared
        # the operations that a destructor does more to than drop them
        self.used_in_destructors: set[int] = set()
        self.program = Program(by_hand=by_hand)
        self.violated = violated
        self.program.flag = "spawned_ran" if violated in SPAWNED else ""
        self.program.wakes = violated == "no-waitable-in-dead-set"
        self.program.keeps_frames = violated == "no-frame-overwritten"
        self.program.keeps_stack = violated == "stack-pointer-restored"
        self.bodies: dict[int, Body] = {}
        self.sync = Body()
        # whether an export of synchronous type has not returned
        self.in_sync = False
        # the body that ran last, and whether it gave way at its last line
        self.latest = self.sync
        self.gave_way = False
        self.inside = PeersInside(self)
        self.callees = Callees(self)
        self.wakers = Wakers(self)
        self.by_hand = ByHand(self)
        # the function of each task of an export
        self.functions: dict[int, str] = {}
        # whether an operation is in a variable of the future that owns it, or in shared storage
        self.is_local: dict[int, bool] = {}
        # the channels of which an end is used, here or outside
        self.channels: set[int] = set()
        self.last = ""
        self.next: Step | None = None
        # the number of the step that is written
        self.number = 0

    def unused_helpers(self) -> set[str]:
        """Return the helpers that no line uses any more."""
        text = "\n".join(line.text for e in self.program.exports for line in e.body.all())
        return {name for name in ("suspend", "poll_once") if f"{name}(" not in text}

    def write(self, steps: Sequence[Step], loop: int | None = None) -> None:
        """Write all steps, of which those from number `loop` on are repeated, and what is checked.

        Raises `InputError` for what cannot be written.
        """
        if 0 in self.p.items or any(items != 1 for items in self.p.peer_items):
            raise InputError(
                "a copy of no items, or a peer that copies several or none, cannot be written as "
                "Rust yet"
            )
        steps, head = from_its_head(self, steps, loop)
        if head is not None:
            self.by_hand.refuse_loop()
        turns = Loop(self, head)
        state = self.machine.initial()
        for number, step in enumerate(steps, 1):
            self.machine.load(state)
            self.number = number
            turns.reach(number - 1)
            self.next = steps[number] if number < len(steps) else None
            wrong = None
            method = self._method(step.action)
            self.wakers.note_delivery(step)
            row = action_rows().get(step.action, NO_ROW)
            if method is None and not row.rust:
                raise InputError(f"step {number}, {step.action}, cannot be written as Rust yet")
            arguments: tuple[Any, ...] = step.arguments
            after = self.by_row(row, *arguments) if method is None else method(*arguments)
            try:
                self.machine.namespace[step.action](*step.arguments)
            except WentWrong as error:
                wrong = error
            except GuardFailed:
                raise InputError(
                    f"step {number}, {step.action}, is not possible in this model",
                    hint="export a trace of this model; `wakeproof replay` checks a trace",
                ) from None
            if after is not None:
                after(wrong is not None)
            self.note_lines(step.action)
            self.last = step.action
            state = self.machine.save()
        turns.close()
        if not self.program.wakes and not self.program.takes_turns:
            for export in self.program.exports:
                export.body.merge_into_awaits()
        self.by_hand.make_constant()
        self.program.helpers -= self.unused_helpers()
        self.machine.load(state)
        set_checks(self, loop is not None)
        if self.program.knows_frames:
            self.inside.let_go()
        if any(b.cleanup and b.cleanup.lines for b in self.bodies.values()):
            self.need("OnDrop")
        self.program.channels = [
            Channel(self.channel(channel), self.p.is_future[channel], self.peer(channel))
            for channel in sorted(self.channels)
        ]

    def _method(self, action: str) -> Any:
        """Return what writes a step of this action, None if its row does."""
        own = getattr(self, f"on_{action}", None)
        return self.by_hand.method(action) or own or self.wakers.method(action)

    def note_lines(self, action: str) -> None:
        """Note the step at the lines that it added; without any, at the line where the code is."""
        lines = [line for export in self.program.exports for line in export.body.all()]
        fresh = [line for line in lines if not line.steps]
        running = self.s.running
        if not fresh and not self.in_cleanup():
            body = self.latest if running is None else self.bodies.get(self.s.polling[running])
            by_program = self.machine.program.functions[action].marks["action"] == "program"
            if body is not None and (by_program or running is not None):
                fresh = [*body.all()][-1:]
        for line in fresh:
            line.steps.append(self.number)

    # --- where a line belongs ---------------------------------------------------------------

    def here(self) -> Body:
        """Return the body that the running code is in."""
        self.latest, self.gave_way = self.body_that_runs(), False
        return self.latest

    def body_that_runs(self) -> Body:
        """Return the body of the future, destructor, waker or export of synchronous type."""
        s = self.s
        if s.running is None:
            return self.sync
        if self.in_cleanup():
            future = self.machine.namespace["dropped_now"](s.running)
            body = self.bodies[future]
            if body.cleanup is None:
                body.cleanup = Body()
            return body.cleanup
        return self.wakers.body() or self.bodies[s.polling[s.running]]

    def in_cleanup(self) -> bool:
        """Whether a destructor runs."""
        running = self.s.running
        return running is not None and self.enums["Phase"][self.s.phase[running]] == "DROPPING"

    def add(self, *lines: str) -> None:
        """Add lines to the body that the running code is in."""
        self.here().add(*lines)

    def need(self, *helpers: str) -> None:
        """Note that the code uses helpers."""
        self.program.helpers.update(helpers)

    def add_outside(self, kind: str, subject: str = "", waits: bool = False) -> None:
        """Add a step outside; the component runs once, however many of its steps follow."""
        if kind == "run" and (
            self.in_sync or (self.program.outside and self.program.outside[-1].kind == "run")
        ):
            return
        if self.in_sync:
            raise InputError(
                f"{kind} while an export of synchronous type waits cannot be written as Rust: its "
                "caller waits for it"
            )
        self.program.outside.append(OutsideStep(kind, subject, waits, self.number))

    # --- names ------------------------------------------------------------------------------

    def operation(self, operation: int) -> str:
        """Return the variable of an operation; its storage has the same name in capitals."""
        return ident(self.names["Operation"][operation])

    def slot(self, operation: int) -> str:
        """Return the shared storage of an operation."""
        name = self.operation(operation).upper()
        if name not in self.program.stored:
            self.program.stored.append(name)
        return name

    def waker(self, future: int) -> str:
        """Return the static that keeps the waker of a future."""
        name = ident(self.names["Future"][future]).upper().removesuffix("_BODY") + "_WAKER"
        if name not in self.program.wakers:
            self.program.wakers.append(name)
        return name

    def handle(self, future: int) -> str:
        """Return the static that keeps the `JoinHandle` of a future."""
        name = ident(self.names["Future"][future]).upper() + "_HANDLE"
        if name not in self.program.handles:
            self.program.handles.append(name)
        return name

    def channel(self, channel: int) -> str:
        """Return the name of a channel, and note that it is used."""
        self.channels.add(channel)
        return ident(self.names["Channel"][channel])

    def peer(self, channel: int) -> str:
        """Return what the peer outside does with its end, `read` or `write`; empty without one."""
        if channel in self.inside.channels:
            return ""
        return {"READ": "read", "WRITE": "write"}.get(
            self.enums["Side"][self.p.remote[channel]], ""
        )

    def export(self, name: str, is_async: bool) -> Body:
        """Add a function; a second one of the same name gets a number."""
        taken = {export.name for export in self.program.exports}
        name = KEYWORDS.get(name, name)
        number, fresh = 2, name
        while fresh in taken:
            fresh, number = f"{name}-{number}", number + 1
        body = Body()
        name_in_rust = fresh.replace("-", "_")
        self.program.exports.append(Export(fresh, name_in_rust, is_async, body, (self.number,)))
        return body

    # --- what happens outside ---------------------------------------------------------------

    def on_call_export(self, task: int) -> None:
        """Add a function for the task."""
        body = self.export(self.names["Task"][task], True)
        self.bodies[self.p.root[task]] = body
        self.functions[task] = self.program.exports[-1].ident
        self.add_outside("call", self.functions[task])

    def on_call_sync_export(self, kind: str = "sync") -> None:
        """Add a function that is named after its first step."""
        self.sync = self.export(self.purpose(), False)
        self.add_outside(kind, self.program.exports[-1].ident)
        self.in_sync = kind == "sync"

    def on_call_sync_lifted_export(self) -> None:
        """Add a function whose type allows it to wait."""
        self.on_call_sync_export("lifted")

    def on_trap_blocked_sync_export(self, _: int) -> None:
        """Write nothing: the host traps when an export of synchronous type waits."""

    on_trap_blocked_cancel = on_trap_blocked_sync_export

    def purpose(self) -> str:
        """Return a name for an export of synchronous type, after its first step."""
        if self.next is None:
            return "nothing"
        verb, _, rest = self.next.action.partition("_")
        if verb in ("block", "yield"):
            return f"{verb}s"
        if rest in ("reader", "writer"):
            return f"{verb}-{self.names['Channel'][self.next.arguments[0] or 0]}"
        if verb in ("poll", "drop") and rest != "waker":
            return f"{verb}-{self.names['Operation'][self.next.arguments[0] or 0]}"
        return verb

    def on_request_cancellation(self, task: int) -> None:
        """Cancel the call from outside."""
        waits = any(self.enums["Phase"][phase] == "BLOCKED_WAIT" for phase in self.s.phase)
        self.add_outside("cancel", self.functions[task], waits)

    def on_deliver_event(self, task: int, *_: object) -> Any:
        """Let the component run."""
        under_sync_export = self.machine.namespace.get("under_sync_export")
        if self.in_sync and under_sync_export is not None and not under_sync_export(task):
            self.program.in_any_order = True
        self.add_outside("run")

        def after(_: bool) -> None:
            running = self.s.running
            if running is not None and self.s.polling[running] in self.bodies:
                self.here()

        return after

    on_resume_yielded = on_deliver_event
    on_waitable_set_wait = on_deliver_event
    on_end_cancel = on_deliver_event

    def on_waitable_set_poll(self, *_: object) -> None:
        """Write nothing: the runtime does it by itself."""

    on_waitable_set_poll_of_block_on = on_waitable_set_poll
    # the host does these once the task waits
    on_deliver_pending_cancel = on_waitable_set_poll
    on_resume_block_on = on_waitable_set_poll

    def on_peer_copy(self, channel: int) -> Any:
        """Read or write from outside."""
        if self.in_sync:
            return self.inside.copy(channel)

        def after(_: bool) -> None:
            waits = self.s.pending_side[channel] == self.p.remote[channel]
            self.add_outside("copy", self.channel(channel), waits)

        return after

    def on_peer_drop(self, channel: int) -> None:
        """Drop the end of the peer."""
        if self.in_sync:
            self.inside.drop(channel)
        else:
            self.add_outside("drop", self.channel(channel))

    # --- polls ------------------------------------------------------------------------------

    def on_poll(self, operation: int) -> Any:
        """Poll with the waker of the future that runs."""
        self.need("poll_once")
        return self.poll(operation, "poll_once(&mut {}).await")

    def on_call_import(self, operation: int, answer: int) -> Any:
        """Poll a call for the first time; it reaches the state `answer` at once."""
        self.callees.answer(answer)
        return self.on_poll(operation)

    def on_subtask_progress(self, handle: int) -> None:
        """Let the callee start or return."""
        self.callees.progress(handle)

    def on_acknowledge_cancel(self, handle: int) -> None:
        """Let the callee answer its cancellation."""
        self.callees.acknowledge(handle)

    def poll(self, operation: int, code: str) -> Any:
        """Poll an operation where it is, and make it first if there is none."""
        if self.program.by_hand:
            return self.by_hand.poll(operation, code)
        here, name = self.here(), self.operation(operation)
        is_new = self.is_free(operation)
        if self.in_cleanup():
            self.used_in_destructors.add(operation)
        if is_new:
            here.add(f"let mut {name} = {self.new_operation(operation)};")
            owned = self.machine.namespace["current_future"]() is not None
            self.is_local[operation] = owned and operation not in self.shared
        elif not self.is_local[operation]:
            here.add(f"let mut {name} = {self.slot(operation)}.take().unwrap();")

        def after(ends: bool) -> None:
            call = code.format(name)
            if ends:
                here.add(f"let _ = {call};")
            else:
                ready = self.is_free(operation)
                here.add(f"assert!({call}.is_{'ready' if ready else 'pending'}());")
            if not self.is_local[operation]:
                here.add(f"{self.slot(operation)}.set(Some({name}));")

        return after

    def is_free(self, operation: int) -> bool:
        """Whether there is no operation, or one that is over."""
        return self.enums["OperationState"][self.s.state[operation]] in ("FREE", "DONE")

    def new_operation(self, operation: int) -> str:
        """Return the expression that makes an operation."""
        kind = self.enums["OperationKind"][self.p.kind[operation]]
        if kind == "SUBTASK":
            return "Box::pin(work()) as Operation"
        side = kind.split("_")[1].lower()
        channel = self.p.channel[operation]
        name = self.channel(channel)
        items = self.p.items[operation]
        maker = f"{side}_{name}" if items == 1 else f"{side}_{items}_of_{name}"
        self.program.operations[maker] = Maker(name, side, items)
        return f"{maker}()"

    # --- moving and dropping ----------------------------------------------------------------

    def on_drop_operation(self, operation: int, _: bool) -> None:
        """Drop an operation by name, unless the future that owns it is dropped."""
        if self.in_cleanup():
            body = self.here()
            if self.is_local[operation] and not body.lines:
                self.is_local.pop(operation)
                return
            self.used_in_destructors.add(operation)
        self.add(f"drop({self.taken(operation)});")

    def on_drop_call_and_wait(self, operation: int) -> None:
        """Drop a call whose callee does not answer at once, in a frame of its own."""
        if self.in_cleanup():
            raise InputError("a destructor that waits for a callee cannot be written as Rust yet")
        self.program.drop_waits = True
        running = self.s.running
        name = "drops" if running is None else self.names["Task"][running]
        head, end = self.in_frame(name, f"drop({self.taken(operation)}", ")")
        self.add(f"{head}{end};")

    def taken(self, operation: int) -> str:
        """Return the expression that takes an operation from where it is."""
        if self.is_local.pop(operation):
            return self.operation(operation)
        return f"{self.slot(operation)}.take()"

    def on_move_to_storage(self, operation: int) -> None:
        """Move an operation from a variable into storage."""
        if self.in_cleanup():
            self.used_in_destructors.add(operation)
        slot = self.slot(operation)
        if self.is_local[operation]:
            self.add(f"{slot}.set(Some({self.operation(operation)}));")
        self.is_local[operation] = False

    def on_take_from_storage(self, operation: int) -> None:
        """Move an operation from storage into a variable."""
        if operation in self.shared:
            return
        self.add(f"let mut {self.operation(operation)} = {self.slot(operation)}.take().unwrap();")
        self.is_local[operation] = True

    def on_open_channel(self, channel: int) -> None:
        """Make a channel again, after both ends were dropped."""
        if self.enums["Side"][self.p.remote[channel]] != "NONE":
            raise InputError(
                "open_channel of a channel with an end outside cannot be written as Rust yet"
            )
        name = self.channel(channel)
        self.add(*open_lines(name, self.p.is_future[channel], self.program.by_hand))

    def on_drop_reader(self, channel: int) -> None:
        """Drop the reader."""
        self.add(f"drop({self.channel(channel).upper()}_READER.take());")

    def on_drop_writer(self, channel: int) -> None:
        """Drop the writer."""
        self.add(f"drop({self.channel(channel).upper()}_WRITER.take());")

    # --- futures ----------------------------------------------------------------------------

    def on_return_pending(self) -> None:
        """Return to the executor, unless `yield_async` does it."""
        if self.last != "wake_self":
            self.need("suspend")
            self.add("suspend().await;")
        self.gave_way = True

    def on_return_ready(self) -> None:
        """Write nothing: the body ends."""
        self.here()

    def on_finish_drop(self) -> None:
        """Write nothing: the destructor ends."""

    def on_return_sync_export(self) -> None:
        """Write nothing: the body ends, and its caller goes on."""
        self.in_sync = False

    on_return_sync_lifted_export = on_return_sync_export

    def on_block_on(self, task: int) -> None:
        """Add a block to the code that calls `block_on`."""
        self.need("block_on")
        body = Body()
        head, end = self.in_frame(self.names["Task"][task], "block_on(async {", "})")
        self.here().add_block(head, body, f"{end};")
        self.bodies[self.p.root[task]] = body

    def on_yield_blocking(self) -> None:
        """Wait until the host resumes the code that runs."""
        self.need("yield_blocking")
        name = "yields" if self.s.running is None else self.names["Task"][self.s.running]
        if self.program.knows_frames:
            head, end = self.in_frame(name, "drop(yield_blocking()", ")")
            self.add(f"{head}{end};")
        else:
            self.add("yield_blocking();")

    def in_frame(self, name: str, head: str, end: str) -> tuple[str, str]:
        """Give code that waits a frame which the test looks at, if it is about frames."""
        if self.program.keeps_frames:
            self.need("in_frame")
            return f'in_frame("{name}", || {head}', f"{end})"
        if self.program.keeps_stack:
            self.need("in_wide_frame")
            return f"in_wide_frame(|| {head}", f"{end})"
        return head, end

    def on_start_task_by_hand(self, task: int) -> None:
        """Add a block for the root of the task."""
        self.need("start_task")
        body = Body()
        self.here().add_block("start_task(async {", body, "});")
        self.bodies[self.p.root[task]] = body

    def on_spawn_local(self, future: int) -> None:
        """Add a block for the spawned future."""
        self.need("spawn_local")
        body = Body()
        if self.program.flag and self.violated != "woken-is-polled":
            body.add(RAN)
        head, end = "spawn_local(async {", "});"
        if self.p.keep_join_handles:
            head, end = f"{self.handle(future)}.set(Some({head}", "})));"
        self.here().add_block(head, body, end)
        self.bodies[future] = body

    # --- by a row ---------------------------------------------------------------------------

    def by_row(self, row: ActionRow, future: int) -> Any:
        """Write the line of a row after the step, when its result is known."""
        self.need(*row.needs)
        here, places = self.here(), {}
        if "{waker}" in row.rust:
            places["waker"] = self.waker(future)
        if "{handle}" in row.rust:
            places["handle"] = self.handle(future)

        def after(_: bool) -> None:
            waits = bool(row.pending) and getattr(self.s, row.pending)[future]
            here.add(row.rust.format(answer="pending" if waits else "ready", **places))

        return after
