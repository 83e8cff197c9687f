"""Operations that a program makes, cancels or forgets by hand, and readers that it hands over.

Such an operation is a value of the crate's own type in a variable of the future that made it. That
of a stream borrows its end, which is in a variable beside it; that of a future has its end inside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wakeproof.errors import InputError
from wakeproof.export.rust.body import Body
from wakeproof.export.rust.program import buffer

if TYPE_CHECKING:
    from wakeproof.export.rust.from_trace import Writer

BY_HAND = frozenset(
    {
        "make_operation",
        "cancel_operation",
        "cancel_completed",
        "poll_completed",
        "forget_operation",
        "forget_reader",
        "forget_writer",
        "hand_over_reader",
        "take_reader_back",
    }
)
"""The actions whose trace needs the operations themselves."""
ENDS = {"read": "reader", "write": "writer"}
MADE = re.compile(r"let mut (\w+) = Box::pin\(")
REFUSED = "cannot be written as Rust beside cancel(), mem::forget or a reader that is handed over"


class ByHand:
    """Writes the steps of a program whose operations are in variables, as `Writer` does others."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        # the body that has an end of a stream in a variable, by channel and side
        self.held: dict[tuple[int, str], Body] = {}

    def method(self, action: str) -> Callable[..., Any] | None:
        """Return what writes a step of this action, None if it is written as in any program."""
        if not self.writer.program.by_hand:
            return None
        found: Callable[..., Any] | None = getattr(self, f"on_{action}", None)
        return found

    def refuse_loop(self) -> None:
        """Raise `InputError` for a program that repeats its lines."""
        if self.writer.program.by_hand:
            raise InputError(
                f"a loop in which nothing outside runs {REFUSED}",
                hint="`wakeproof replay --real` plays its turns on the released crates",
            )

    # --- operations -------------------------------------------------------------------------

    def on_make_operation(self, operation: int) -> None:
        """Make an operation, which starts with its first poll."""
        self._refuse_in_destructor()
        writer = self.writer
        if writer.machine.namespace["current_future"]() is None:
            raise InputError(
                f"step {writer.number}: an operation that no future makes {REFUSED}, as it would "
                "borrow its end from shared storage"
            )
        name, items = writer.operation(operation), writer.p.items[operation]
        writer.is_local[operation] = True
        kind = writer.enums["OperationKind"][writer.p.kind[operation]]
        if kind == "SUBTASK":
            writer.add(f"let mut {name} = Box::pin(work());")
            return
        side, channel = kind.split("_")[1].lower(), writer.p.channel[operation]
        if writer.p.is_future[channel]:
            if side == "read":
                writer.need("IntoFuture")
            end = f"{self._static(channel, side)}.take().unwrap()"
            made = f"{end}.into_future()" if side == "read" else f"{end}.write(1)"
        else:
            made = f"{self._variable(channel, side)}.{side}({buffer(side, items)})"
        writer.add(f"let mut {name} = Box::pin({made});")

    def poll(self, operation: int, code: str) -> Any:
        """Poll an operation, and make it first if there is none."""
        self._refuse_in_destructor()
        writer = self.writer
        if ".as_mut().poll(" in code:
            writer.need("Future")
        if writer.enums["OperationState"][writer.s.state[operation]] == "FREE":
            self.on_make_operation(operation)
        here = writer.here()
        call = code.format(writer.operation(operation))

        def after(ends: bool) -> None:
            ready = writer.is_free(operation)
            if ends:
                here.add(f"let _ = {call};")
            elif ready and self._counts(operation):
                here.add(self._counted(operation, call))
            else:
                here.add(f"assert!({call}.is_{'ready' if ready else 'pending'}());")
            self._drop_if_free(here, operation)

        return after

    def on_poll_completed(self, operation: int) -> Any:
        """Poll an operation that is over."""
        self.writer.need("poll_once")
        return self.poll(operation, "poll_once(&mut {}).await")

    def on_cancel_operation(self, operation: int) -> Any:
        """Cancel an operation; the end of a future may come back."""
        self._refuse_in_destructor()
        writer = self.writer
        here = writer.here()
        call = f"{writer.operation(operation)}.as_mut().cancel()"
        channel = writer.p.channel[operation]
        kind = writer.enums["OperationKind"][writer.p.kind[operation]]
        of_stream = kind.startswith("STREAM")
        result = self._result_of_cancel(operation, kind) if of_stream else ""

        def after(ends: bool) -> None:
            if ends:
                here.add(f"let _ = {call};")
            elif self._counts(operation):
                here.add(self._counted(operation, f"Poll::Ready({call})"))
            elif of_stream:
                writer.need("StreamResult")
                here.add(f"assert_eq!({call}.0, StreamResult::{result});")
            elif kind == "FUTURE_READ" and writer.s.readable[channel] is not None:
                here.add(f"{self._static(channel, 'read')}.set({call}.err());")
            elif kind == "FUTURE_WRITE" and writer.s.writable[channel] is not None:
                writer.need("FutureWriteCancel")
                static = self._static(channel, "write")
                body = Body()
                body.add(f"{static}.set(Some(writer));")
                head = f"if let FutureWriteCancel::Cancelled(_, writer) = {call} {{"
                here.add_block(head, body, "}")
            else:
                here.add(f"let _ = {call};")
            self._drop_if_free(here, operation)

        return after

    on_cancel_completed = on_cancel_operation

    def _result_of_cancel(self, operation: int, kind: str) -> str:
        """Return what `cancel()` of a stream's operation gives, from the state before it."""
        s, enums = self.writer.s, self.writer.enums
        if enums["OperationState"][s.state[operation]] == "START":
            return "Cancelled"
        code = enums["Code"][s.code[operation]]
        if code == "NONE":
            # its event was not delivered yet, or there is none
            ends = s.readable if kind == "STREAM_READ" else s.writable
            handle = ends[self.writer.p.channel[operation]]
            pending = enums["Pending"][s.pending[handle]]
            code = f"{'CANCELLED' if pending == 'NOTHING' else pending}_{s.progress[handle]}"
        word, _, items = code.rpartition("_")
        complete = word == "COMPLETED" or items != "0"
        return f"Complete({items})" if complete else word.capitalize()

    def on_drop_operation(self, operation: int, callee_returns: bool) -> None:
        """Drop an operation by name, unless the future that owns it is dropped."""
        if self.writer.in_cleanup() and self.writer.here().lines:
            self._refuse_in_destructor()
        self.writer.on_drop_operation(operation, callee_returns)

    def on_forget_operation(self, operation: int) -> None:
        """Forget an operation: its end is no longer borrowed."""
        self._refuse_in_destructor()
        self.writer.add(f"std::mem::forget({self.writer.taken(operation)});")

    def on_move_to_storage(self, operation: int) -> None:
        """Refuse the step: a variable outside of the future cannot borrow from it."""
        name = self.writer.names["Operation"][operation]
        raise InputError(
            f"step {self.writer.number}: to move {name} into or out of shared storage {REFUSED}, "
            "as it borrows its end from a variable of its future"
        )

    on_take_from_storage = on_move_to_storage

    def _drop_if_free(self, here: Body, operation: int) -> None:
        """End the borrow of an operation that is over, unless the program keeps it."""
        writer = self.writer
        if writer.enums["OperationState"][writer.s.state[operation]] == "FREE":
            here.add(f"drop({writer.taken(operation)});")

    def _refuse_in_destructor(self) -> None:
        """Raise `InputError` if a destructor runs: it cannot reach the variables of its future."""
        writer = self.writer
        if writer.in_cleanup():
            raise InputError(
                f"step {writer.number}: a destructor that uses operations or ends {REFUSED}, as "
                "these are in variables of its future"
            )

    def make_constant(self) -> None:
        """Take `mut` from the variables of operations that are never polled or cancelled by it."""
        for export in self.writer.program.exports if self.writer.program.by_hand else ():
            lines = list(export.body.all())
            for number, line in enumerate(lines):
                made = MADE.match(line.text)
                if made is None:
                    continue
                uses = "\n".join(later.text for later in lines[number + 1 :])
                uses = uses.partition(f"let mut {made[1]} = ")[0]
                if f"&mut {made[1]})" not in uses and f"{made[1]}.as_mut()" not in uses:
                    line.text = line.text.replace("let mut", "let", 1)

    # --- counting items ---------------------------------------------------------------------

    def _counts(self, operation: int) -> bool:
        """Whether the test is about how many items an operation has copied."""
        channel = self.writer.p.channel[operation]
        of_stream = channel is not None and not self.writer.p.is_future[channel]
        return self.writer.violated == "no-lost-item" and of_stream

    def _counted(self, operation: int, polled: str) -> str:
        """Return the line that counts the items of an operation that is over."""
        self.writer.need("count")
        channel = self.writer.p.channel[operation]
        return f"count(&{self.writer.channel(channel).upper()}_ITEMS, {polled});"

    # --- ends -------------------------------------------------------------------------------

    def on_drop_reader(self, channel: int) -> None:
        """Drop the reader."""
        self.writer.add(f"drop({self._taken_end(channel, 'read')});")

    def on_drop_writer(self, channel: int) -> None:
        """Drop the writer."""
        self.writer.add(f"drop({self._taken_end(channel, 'write')});")

    def on_forget_reader(self, channel: int) -> None:
        """Forget the reader."""
        self.writer.add(f"std::mem::forget({self._taken_end(channel, 'read')});")

    def on_forget_writer(self, channel: int) -> None:
        """Forget the writer."""
        self.writer.add(f"std::mem::forget({self._taken_end(channel, 'write')});")

    def on_hand_over_reader(self, channel: int) -> None:
        """Hand the reader over to an import."""
        name, end = self.writer.channel(channel), self._taken_end(channel, "read")
        if end.endswith(".take()"):
            end += ".unwrap()"
        if name not in self.writer.program.handed:
            self.writer.program.handed.append(name)
        self.writer.add(f"hand_over_{name}({end});")

    def on_take_reader_back(self, channel: int) -> None:
        """Take the reader back from an import."""
        name = self.writer.channel(channel)
        back = f"take_{name}_back()"
        self.writer.program.taken_back.add(name)
        self.writer.add(f"{self._static(channel, 'read')}.set(Some({back}));")

    def on_drop_handed_reader(self, channel: int) -> None:
        """Let the other component drop the reader."""
        self.writer.add_outside("drop-handed", self.writer.channel(channel))

    def _static(self, channel: int, side: str) -> str:
        """Return where an end is that no operation uses."""
        return f"{self.writer.channel(channel).upper()}_{ENDS[side].upper()}"

    def _variable(self, channel: int, side: str) -> str:
        """Return the variable with the end of a stream, which a later step may use again."""
        here, static = self.writer.here(), self._static(channel, side)
        if (channel, side) not in self.held:
            here.add(f"let mut {static.lower()} = {static}.take().unwrap();")
            self.held[channel, side] = here
        self._refuse_elsewhere(channel, side)
        return static.lower()

    def _taken_end(self, channel: int, side: str) -> str:
        """Return the expression that takes an end from where it is."""
        self._refuse_in_destructor()
        static = self._static(channel, side)
        if (channel, side) not in self.held:
            return f"{static}.take()"
        self._refuse_elsewhere(channel, side)
        del self.held[channel, side]
        return static.lower()

    def _refuse_elsewhere(self, channel: int, side: str) -> None:
        """Raise `InputError` if the variable with an end is not one of the code that runs."""
        key = (channel, side)
        if self.held[key] is not self.writer.here():
            raise InputError(
                f"step {self.writer.number}: that two futures use the {self._end_in_words(key)} by "
                f"turns {REFUSED}, as it is in a variable of one of them"
            )

    # --- where a body ends ------------------------------------------------------------------

    def on_return_ready(self) -> None:
        """Put the ends back that the next function may use."""
        here = self.writer.here()
        for (channel, side), body in list(self.held.items()):
            if body is here:
                static = self._static(channel, side)
                here.add(f"{static}.set(Some({self._taken_end(channel, side)}));")

    def on_return_sync_export(self) -> None:
        """Put the ends back; the caller of the export goes on."""
        self.on_return_ready()
        self.writer.on_return_sync_export()

    on_return_sync_lifted_export = on_return_sync_export

    def on_finish_drop(self) -> None:
        """Refuse the step if the future drops an end with its variables, as no step says so."""
        writer = self.writer
        body = writer.bodies[writer.machine.namespace["dropped_now"](writer.s.running)]
        for key, holder in self.held.items():
            if holder is body:
                raise InputError(
                    f"step {writer.number}: that a future is dropped and the "
                    f"{self._end_in_words(key)} stays {REFUSED}, as it is in a variable of the "
                    "future"
                )

    def _end_in_words(self, key: tuple[int, str]) -> str:
        """Return an end of a stream in words."""
        channel, side = key
        return f"{ENDS[side]} of {self.writer.names['Channel'][channel]}"
