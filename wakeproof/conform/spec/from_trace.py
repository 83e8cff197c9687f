"""A trace as programs of the specification's interpreter, played on the model as they are written.

The interpreter has no sets: it polls an end in a set that it makes for this, so that the sets of
the trace are left out, and a step that depends on one is refused. A peer's end is the testee's. A
callee that returns waits for a future, and goes on when a program is over; so a program ends where
a callee starts or returns. What the trace does not say, the codes of peers, comes from the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wakeproof.conform.abi_codes import BLOCKED, CODES
from wakeproof.conform.abi_codes import EVENTS as EVENT_CODES
from wakeproof.conform.host.builtins import TableSizes
from wakeproof.conform.host.model_side import ModelHost
from wakeproof.conform.spec.interpreter import Interpreter, OutsideModel, Trapped
from wakeproof.conform.spec.programs import Command
from wakeproof.execution.trace import NO_RETURN, CallRow, StepRow
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.trace_handles import OF_TASKS, TraceHandles, step_words

# how many streams and futures the testee has room for
SLOTS = 16
# builtins about sets, which the interpreter has not
OF_SETS = ("waitable-set.new", "waitable-set.drop", "waitable.join")
EVENTS_TAKEN = ("waitable-set.wait", "waitable-set.poll", "callback event")


class Lacking(Exception):
    """The interpreter has no command for a step; the message says which step, and what it lacks."""


class Unwritable(Exception):
    """What the interpreter lacks for the current step."""


@dataclass
class Program:
    """A call of the interpreter: its commands, and before some of them the step in words.

    `trap` is the site at which the last command traps, empty if the program returns.
    """

    lines: list[Command | str] = field(default_factory=list)
    trap: str = ""

    @property
    def commands(self) -> list[Command]:
        """The commands."""
        return [line for line in self.lines if isinstance(line, Command)]


@dataclass
class ProgramWriter(TraceHandles):
    """Programs under way, and the instance of the interpreter on the model that plays them.

    `ends` maps a handle to its channel and its side, `slots` a channel to its slot, `alive` a slot
    to the sides that are not dropped. `callees` maps a subtask to its slot; `futures` has the slot
    of the future for which its callee waits, if it does. `copying` has the channels whose peer has
    a copy under way.
    """

    host: ModelHost | None = None
    programs: list[Program] = field(default_factory=lambda: [Program()])
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    alive: dict[int, set[str]] = field(default_factory=dict)
    callees: dict[str, int] = field(default_factory=dict)
    futures: dict[str, int] = field(default_factory=dict)
    resolved: set[str] = field(default_factory=set)
    starting: set[str] = field(default_factory=set)
    copying: set[str] = field(default_factory=set)
    calls: int = 0

    def __post_init__(self) -> None:
        assert self.host is not None
        self.player = Interpreter(self.host)

    # --- commands -------------------------------------------------------------------------------

    def give(self, name: str, *numbers: int, wanted: int | None = None) -> int:
        """Give a command, with the code that it must have. Raises `Unwritable` or `Trapped`."""
        lines = self.programs[-1].lines
        lines.append(Command(name, numbers))
        try:
            code = self.player.perform(name, *numbers) & 0xFFFF_FFFF
        except OutsideModel as outside:
            raise Unwritable(str(outside)) from None
        if wanted is not None:
            if code != wanted:
                raise Unwritable(f"{Command(name, numbers)} has the code {code}, not {wanted}")
            lines.append(Command("expect-code", (code - (1 << 32) if code >> 31 else code,)))
        return code

    def end_program(self) -> None:
        """Begin another program, so that callees go on."""
        try:
            self.player.settle()
        except Trapped as trapped:
            raise Unwritable(f"a callee that traps at {trapped}") from None
        self.programs.append(Program())

    def free_slot(self) -> int:
        """Return a slot without ends in use."""
        slot = next((n for n in range(SLOTS) if not self.alive.get(n)), None)
        if slot is None:
            raise Unwritable(f"more than {SLOTS} streams and futures at a time")
        return slot

    # --- streams and futures --------------------------------------------------------------------

    def new(self, channel: str) -> None:
        """Make a stream or future."""
        slot = self.slots[channel] = self.free_slot()
        self.alive[slot] = {"read", "write"}
        for side, handle in self.made.get(channel, {}).items():
            self.ends[handle] = channel, side
        self.copying.discard(channel)
        self.give(f"{self.kind(channel)}-new", slot)

    def copy(self, channel: str, verb: str, items: int, wanted: int | None = None) -> int:
        """Read or write."""
        if self.kind(channel) == "future":
            return self.give(f"future-{verb}", self.slots[channel], wanted=wanted)
        return self.give(f"testee-{verb}", self.slots[channel], items, wanted=wanted)

    def act(self, channel: str, action: str, wanted: int | None = None) -> int:
        """Cancel a copy of an end, or drop the end."""
        future = self.kind(channel) == "future"
        prefix = "future-" if future else "" if action.startswith("drop") else "testee-"
        slot = self.slots[channel]
        code = self.give(prefix + action, slot, wanted=wanted)
        if action.startswith("drop"):
            self.alive[slot].discard("read" if action == "drop-readable" else "write")
        return code

    def of_channel(self, verb: str, call: CallRow, wanted: int | None) -> None:
        """Give the command for a builtin of a stream or future."""
        arguments = call["arguments"]
        if verb == "new":
            self.new(arguments["channel"])
            return
        channel, side = self.ends[arguments["handle"]]
        if verb in ("read", "write"):
            self.copy(channel, verb, int(arguments.get("items", 1)), wanted)
        elif side == ("read" if "read" in verb else "write"):
            self.act(channel, verb, wanted)
        else:
            raise Unwritable(f"{verb} of an end of the other direction")

    def expect_event(self, channel: str, side: str, event: int, payload: int) -> None:
        """Poll an end for its event, or for none."""
        verb = "poll-readable" if side == "read" else "poll"
        self.give(verb, self.slots[channel], event, payload)

    # --- events ---------------------------------------------------------------------------------

    def event(self, arguments: dict[str, str], result: str) -> None:
        """Poll for the event that a step takes, or for none of a set."""
        waitable = arguments["waitable"]
        if waitable == "null":
            wset = self.task_sets.get(arguments["task"], "null")
            members = [h for h, s in self.sets.items() if s == wset and wset != "null"]
            for handle in members:
                if handle in self.ends:
                    self.expect_event(*self.ends[handle], 0, 0)
        elif waitable in self.ends:
            channel, side = self.ends[waitable]
            name = f"{self.kind(channel)}_{side}".upper()
            self.expect_event(channel, side, EVENT_CODES[name], CODES[result])
        elif result == "RETURNED":
            self.resolved.add(waitable)
            self.give("await-subtask", self.callees[waitable], CODES[result], wanted=CODES[result])
        else:
            raise Unwritable(f"a command for the event {result} of a call")

    # --- calls ----------------------------------------------------------------------------------

    def call_import(self, answer: str, result: str, later: Sequence[StepRow]) -> None:
        """Call an import; which one depends on what becomes of the call."""
        if result == "null":
            self.call_that_returns()
            return
        if answer == "STARTING" and not self.starting:
            self.give("mock-bp-inc")
        elif answer != "STARTING" and self.starting:
            raise Unwritable("a call that starts while another one waits to")
        self.calls += 1
        slot, wanted = self.calls, CODES[answer]
        if returns(result, later):
            future = self.free_slot()
            self.alive[future] = {"write"}
            self.give("future-new", future)
            self.give("call-block-future", future, slot, wanted=wanted)
            self.futures[result] = future
        else:
            self.give("call-block-empty", slot, wanted=wanted)
            self.futures.pop(result, None)
        self.callees[result] = slot
        self.resolved.discard(result)
        if answer == "STARTING":
            self.starting.add(result)

    def call_that_returns(self) -> None:
        """Call the import that reads a future and returns at once, then write the future."""
        if self.starting:
            raise Unwritable("a call that starts while another one waits to")
        slot = self.free_slot()
        self.give("future-new", slot)
        self.give("call-import-future", slot, wanted=CODES["RETURNED"])
        self.give("future-write", slot, wanted=CODES["COMPLETED_0"])
        self.give("future-drop-writable", slot)

    def progress(self, handle: str) -> None:
        """Let a callee start, or return; it does so when the program is over."""
        if handle in self.starting:
            if len(self.starting) > 1:
                raise Unwritable("a call that starts while another one waits to")
            self.starting.clear()
            self.give("mock-bp-dec")
        elif handle in self.futures:
            future = self.futures.pop(handle)
            self.give("future-write", future, wanted=CODES["COMPLETED_0"])
            self.give("future-drop-writable", future)
            self.alive[future].clear()
        else:
            raise Unwritable("a callee that returns, or is cancelled, as the host chooses")
        self.end_program()

    def cancel(self, call: CallRow, wanted: int | None) -> None:
        """Cancel a call; its callee gives up."""
        handle = call["arguments"]["handle"]
        if call["arguments"].get("callee_returns") != "false":
            raise Unwritable("a callee that returns when it is cancelled, or answers later")
        if handle in self.starting:
            self.starting.discard(handle)
            self.give("subtask-cancel", self.callees[handle], wanted=wanted)
            if not self.starting:
                self.give("mock-bp-dec")
        else:
            self.give("subtask-cancel", self.callees[handle], wanted=wanted)

    # --- peers ----------------------------------------------------------------------------------

    def peer(self, row: StepRow) -> None:
        """Give the commands for a step of a peer."""
        action, arguments = row["action"], row["arguments"]
        if action == "subtask_progress":
            self.progress(arguments["handle"])
            return
        if action not in ("peer_copy", "peer_take", "peer_drop"):
            raise Unwritable("a command for it")
        channel = arguments["channel"]
        side = self.remote(channel)
        self.take_event(channel, side)
        if action == "peer_copy":
            items = int(self.parameter("peer_items", channel))
            if self.copy(channel, side, items) == BLOCKED:
                self.copying.add(channel)
        elif action == "peer_drop":
            if channel in self.copying:
                self.copying.discard(channel)
                self.act(channel, f"cancel-{side}")
            self.act(channel, f"drop-{side.rstrip('e')}able")

    def take_event(self, channel: str, side: str) -> None:
        """Poll for the event of a peer's copy, if it is there."""
        host, slots = self.player.host, self.slots[channel]
        end = (self.player.readable if side == "read" else self.player.writable)[slots]
        saved = host.save()
        event, _, payload = self.player.poll(self.player.joined(end))
        host.load(saved)
        if event:
            self.copying.discard(channel)
            self.expect_event(channel, side, event, payload)

    # --- steps ----------------------------------------------------------------------------------

    def builtin(self, call: CallRow, later: Sequence[StepRow]) -> None:
        """Give the commands for a builtin call."""
        name, arguments, result = call["name"], call["arguments"], call["result"]
        kind, _, verb = name.partition(".")
        wanted = CODES.get(result)
        if name in OF_TASKS:
            return
        if kind in ("stream", "future"):
            self.of_channel(verb, call, wanted)
        elif name == "waitable.join":
            self.sets[arguments["waitable"]] = arguments["wset"]
        elif name in EVENTS_TAKEN:
            self.event(arguments, result)
        elif name == "call import":
            self.call_import(arguments["answer"], result, later)
        elif name == "subtask.cancel":
            self.cancel(call, wanted)
        elif name == "subtask.drop":
            if arguments["handle"] not in self.resolved:
                self.give("subtask-drop", self.callees[arguments["handle"]])
        elif name not in OF_SETS:
            raise Unwritable("a command for it")

    def step(self, row: StepRow, later: Sequence[StepRow]) -> None:
        """Give the commands for a step. Raises `Unwritable` or `Trapped`."""
        self.follow_ends(row)
        if row["actor"] == "peer":
            self.peer(row)
        for call in row["calls"]:
            if call["kind"] == "builtin":
                if call["name"] in OF_SETS and call["result"] == NO_RETURN:
                    raise Unwritable("sets of waitables, at which it traps")
                self.builtin(call, later)
        self.follow_sets(row)


def returns(handle: str, later: Sequence[StepRow]) -> bool:
    """Whether the callee of a subtask returns before anything ends the call."""
    for row in later:
        if row["changes"].get(f"subtask_state[{handle}]", ["", ""])[1] == "RETURNED":
            return row["actor"] == "peer"
        ended = (c["name"] in ("subtask.cancel", "subtask.drop") for c in row["calls"])
        if any(ended) and any(c["arguments"].get("handle") == handle for c in row["calls"]):
            return False
    return False


def sizes_for_trace(trace: Sequence[StepRow], instance: Instance) -> TableSizes:
    """Return sizes that suffice for the programs of a trace."""
    names = [call["name"] for row in trace for call in row["calls"]]
    channels = len(instance.names["Channel"])
    calls = names.count("call import")
    streams = channels + names.count("stream.new")
    futures = channels + names.count("future.new") + calls
    return TableSizes(2 * (streams + futures + calls) + 2, streams, futures)


def programs_of(instance: Instance, trace: Sequence[StepRow], site: str) -> list[Program]:
    """Return the programs of a trace, which ends in a trap at a site of the host, or in none.

    Raises `Lacking` for a step for which the interpreter has no command.
    """
    writer = ProgramWriter(
        instance, host=ModelHost(instance.model, sizes_for_trace(trace, instance))
    )
    trap, words = "", "the beginning"
    try:
        for channel in writer.opened():
            writer.new(channel)
        for number, row in enumerate(trace, 1):
            words = step_words(number, row)
            writer.programs[-1].lines.append(words)
            writer.step(row, trace[number:])
    except Unwritable as lacking:
        raise Lacking(f"at step {words} it lacks {lacking}") from None
    except Trapped as trapped:
        trap = str(trapped)
    wanted = site if site.startswith("host::") else ""
    if trap != wanted:
        does = f"traps at {trap}" if trap else "does not trap"
        other = f"traps at {wanted}" if wanted else "goes on"
        raise Lacking(f"at step {words} it {does}, where the trace {other}")
    writer.programs[-1].trap = trap
    return [program for program in writer.programs if program.commands]
