"""The runner of a test: what happens outside of the component, as another component.

It calls the component's functions, cancels and drops, is the peer of its streams and futures, says
how far the calls of its import come, and asks in the end for what must hold.
"""

from __future__ import annotations

from wakeproof.errors import InputError
from wakeproof.export.rust.program import Channel, Moment, Program

HELPERS = {
    "start": """\
type Call = Pin<Box<dyn Future<Output = ()>>>;

/// Calls, and gives the call back unless it has returned at once.
async fn start(call: impl Future<Output = ()> + 'static) -> Option<Call> {
    let mut call: Call = Box::pin(call);
    let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    polled.is_pending().then_some(call)
}""",
    "begin": """\
/// Begins what has to wait.
async fn begin<F: Future>(copy: &mut Pin<Box<F>>) {
    let polled = poll_fn(|context| Poll::Ready(copy.as_mut().poll(context))).await;
    assert!(polled.is_pending());
}""",
    "settle": """\
/// The component runs until it has nothing to do.
async fn settle() {
    for _ in 0..5 {
        yield_async().await;
    }
}""",
}
CRATE_ONLY = "`--to rust-crate`"


class Runner:
    """The lines of the runner's `run`. Raises `InputError` for what no runner can do."""

    def __init__(self, program: Program) -> None:
        if program.wakes and "poll_once" not in program.helpers:
            raise InputError(
                "nobody who calls the component sees the end of this trace: no test can ask for it",
                hint="`--to rust-crate`: its host looks",
            )
        self.program = program
        self.channels = {channel.ident: channel for channel in program.channels}
        self.lines: list[str] = []
        self.used: set[str] = set()
        # calls that may not have returned, ends that are still held, and copies that wait
        self.calls: list[str] = []
        self.ends = [c.ident for c in program.channels if c.outside]
        self.copies: dict[str, str] = {}
        # whether no call of the import may start, and the gates of those that may not return
        self.held, self.gates = False, 0
        self._prepare()
        for moment in program.moments:
            self._moment(moment)
        self._let_go()
        self._ask()

    @property
    def helpers(self) -> list[str]:
        """The small functions that the lines need."""
        return [text for name, text in HELPERS.items() if name in self.used]

    @property
    def uses(self) -> set[str]:
        """What has to be in scope."""
        found = {"crate::my::test::i::*"}
        if self.program.answers:
            found.add("crate::my::test::control::*")
        if self.used & {"start", "begin"}:
            found |= {"std::future::Future", "std::future::poll_fn", "std::pin::Pin"}
            found.add("std::task::Poll")
        if "settle" in self.used:
            found.add("wit_bindgen::yield_async")
        return found

    def say(self, *lines: str) -> None:
        """Add lines."""
        self.lines += lines

    def settle(self) -> None:
        """The component runs."""
        self.used.add("settle")
        self.say("settle().await;")

    # --- before, and in the end ---------------------------------------------------------------

    def _prepare(self) -> None:
        if self.program.leaves_nothing:
            self.say("let before = handles();")
        arguments = []
        for name, channel in self.channels.items():
            if channel.outside == "write":
                new = "wit_future::new(|| 0)" if channel.is_future else "wit_stream::new()"
                self.say(f"let ({self._mut(channel)}{name}, reader) = {new};")
                arguments.append("reader")
        given = [c for c in self.channels.values() if c.outside == "read"]
        if self.channels:
            call = f"prepare({', '.join(arguments)});"
            self.say(f"let {self._mut(given[0])}{given[0].ident} = {call}" if given else call)

    def _mut(self, channel: Channel) -> str:
        copies = any(m.kind == "copy" and m.what == channel.ident for m in self.program.moments)
        return "mut " if copies and not channel.is_future else ""

    def _let_go(self) -> None:
        everything = self.calls or self.ends or self.copies
        if everything:
            self.say("", "// Everybody lets go.")
        if self.held:
            self.say("hold(false);")
        self.say(*(f"drop({name});" for name in [*self.copies.values(), *self.ends]))
        if everything:
            self.settle()
        for name in self.calls:
            if self.program.returns:
                self.say(f"if let Some({name}) = {name} {{", f"    {name}.await;", "}")
            else:
                self.say(f"drop({name});")

    def _ask(self) -> None:
        if self.program.leaves_nothing:
            self.say("let_go().await;")
            self.settle()
            self.say('assert_eq!(handles(), before, "something is left behind");')
        if self.program.spawned_ran:
            self.say("assert!(spawned_ran());")
        if self.program.wakes:
            self.say("assert!(woken());")

    # --- moments ------------------------------------------------------------------------------

    def _moment(self, moment: Moment) -> None:
        what = moment.what
        match moment.kind:
            case "call":
                self.used.add("start")
                self.say(f"let {what} = start({what}()).await;")
                self.calls.append(what)
            case "sync":
                self.say(f"{what}();")
            case "lifted":
                raise InputError(
                    "call_sync_lifted_export cannot be written as a test of the suite",
                    hint=f"{CRATE_ONLY}: the generator lifts an async export asynchronously",
                )
            case "cancel":
                self._cancel(moment)
            case "copy":
                self._copy(self.channels[what], moment.waits)
            case "drop":
                self._stop_copy(what)
                if what in self.ends:
                    self.say(f"drop({what});")
                    self.ends.remove(what)
            case "answer":
                self._answer(what)
            case "progress" if what == "STARTED":
                self.say("hold(false);")
                self.held = False
            case "progress":
                self.say(f"{self._gate()}.write(()).await.unwrap();")
                self.ends.remove(self._gate())
            case _:
                self.settle()

    def _cancel(self, moment: Moment) -> None:
        if moment.waits:
            raise InputError(
                "a cancellation while a block_on waits cannot be written as a test of the suite: "
                "the runner would wait for it, and could do nothing else",
                hint=CRATE_ONLY,
            )
        self.say(f"drop({moment.what});")
        self.calls.remove(moment.what)

    def _copy(self, channel: Channel, waits: bool) -> None:
        """The peer reads or writes; the other side is there already, or the copy waits."""
        name, writes = channel.ident, channel.outside == "write"
        self._stop_copy(name)
        if channel.is_future:
            copy = f"{name}.write(1)" if writes else name
            self.ends.remove(name)
        else:
            copy = f"{name}.write(vec![1])" if writes else f"{name}.read(Vec::with_capacity(1))"
        if not waits:
            self.say(f"let _ = {copy}.await;")
            return
        self.used.add("begin")
        self.copies[name] = f"{name}_copy"
        made = f"{copy}.into_future()" if channel.is_future and not writes else copy
        self.say(f"let mut {name}_copy = Box::pin({made});", f"begin(&mut {name}_copy).await;")

    def _stop_copy(self, channel: str) -> None:
        """A copy that waited, or was met meanwhile, gives its end back."""
        if channel in self.copies:
            self.say(f"drop({self.copies.pop(channel)});")

    def _gate(self) -> str:
        return "gate" if self.gates == 1 else f"gate_{self.gates}"

    def _answer(self, state: str) -> None:
        """How far the next call of the import comes at once."""
        if self.held and state != "STARTING":
            raise InputError(
                "a call that starts while another may not cannot be written as a test of the suite",
                hint=CRATE_ONLY,
            )
        if not self.held and state == "STARTING":
            self.say("hold(true);")
            self.held = True
        if state != "RETURNED":
            self.gates += 1
            self.say(f"let ({self._gate()}, reader) = wit_future::new(|| ());", "expect(reader);")
            self.ends.append(self._gate())
