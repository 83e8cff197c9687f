"""The runner of a test of the suite: a second component, which does what happens outside.

It calls the functions of the first component, cancels the calls, is the peer of its streams and
futures, controls how far the calls of its import get, and checks at the end what must hold.
"""

from __future__ import annotations

from wakeproof.errors import InputError
from wakeproof.export.rust.program import Channel, OutsideStep, Program

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
    "check_stack": """\
/// What was on the stack is gone, so that a call finds it as the first one did.
fn check_stack(before: u32) {
    let lost = before - stack_pointer();
    assert!(lost == 0, "{lost} bytes of the stack are lost");
}""",
    "copied": """\
/// How many items a copy has reported.
fn copied(result: StreamResult) -> u32 {
    if let StreamResult::Complete(items) = result { items as u32 } else { 0 }
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
    """The body of the runner's `run`. Raises `InputError` for what no runner can do."""

    def __init__(self, program: Program) -> None:
        if program.wakes and "poll_once" not in program.helpers:
            raise InputError(
                "nobody who calls the component sees the end of this trace: no test can check it",
                hint="`--to rust-crate`: its host sees it",
            )
        self.program = program
        self.channels = {channel.ident: channel for channel in program.channels}
        self.lines: list[str] = []
        self.used: set[str] = set()
        # the calls that may not have returned, the ends that the runner holds, the waiting copies
        self.calls: list[str] = []
        self.ends = [c.ident for c in program.channels if c.outside]
        self.copies: dict[str, str] = {}
        # whether no call of the import may start, and the number of gates that hold calls back
        self.on_hold, self.gates = False, 0
        self._add_preparation()
        for step in program.outside:
            self._add_step(step)
        if program.takes_turns:
            self._add("outside();")
        self._release_all()
        self._add_checks()

    @property
    def helpers(self) -> list[str]:
        """The helper functions that the lines need."""
        return [text for name, text in HELPERS.items() if name in self.used]

    @property
    def uses(self) -> set[str]:
        """The paths that have to be in scope."""
        found = {"crate::my::test::i::*"}
        if self.program.has_leaf:
            found.add("crate::my::test::control::*")
        if "copied" in self.used:
            found.add("wit_bindgen::StreamResult")
        if self.used & {"start", "begin"}:
            found |= {"std::future::Future", "std::future::poll_fn", "std::pin::Pin"}
            found.add("std::task::Poll")
        if "settle" in self.used:
            found.add("wit_bindgen::yield_async")
        return found

    def _add(self, *lines: str) -> None:
        self.lines += lines

    def _settle(self) -> None:
        """Let the component run until it has nothing to do."""
        self.used.add("settle")
        self._add("settle().await;")

    # --- the beginning and the end ------------------------------------------------------------

    def _add_preparation(self) -> None:
        """Hand ends of channels over."""
        if self.program.leaves_nothing:
            self._add("let before = handles();")
        if self.program.keeps_stack:
            self._add("let before = stack_pointer();")
        if self.program.counts:
            self._add("let mut items_outside = 0;")
        arguments = []
        several = sum(channel.outside == "write" for channel in self.channels.values()) > 1
        for name, channel in self.channels.items():
            if channel.outside == "write":
                new = "wit_future::new(|| 0)" if channel.is_future else "wit_stream::new()"
                reader = f"{name}_reader" if several else "reader"
                self._add(f"let ({self._mut(channel)}{name}, {reader}) = {new};")
                arguments.append(reader)
        given = [c for c in self.channels.values() if c.outside == "read"]
        if self.channels:
            call = f"prepare({', '.join(arguments)});"
            self._add(f"let {self._mut(given[0])}{given[0].ident} = {call}" if given else call)

    def _mut(self, channel: Channel) -> str:
        """Return `mut` for the end of a stream that the peer copies."""
        copies = any(s.kind == "copy" and s.subject == channel.ident for s in self.program.outside)
        return "mut " if copies and not channel.is_future else ""

    def _release_all(self) -> None:
        """Drop what the runner holds; calls that must return are awaited."""
        anything = self.calls or self.ends or self.copies or self.program.handed
        if anything:
            self._add("", "// Everybody lets go.")
        if self.on_hold:
            self._add("hold(false);")
        for name in list(self.copies):
            self._stop_copy(name)
        self._add(*(f"drop({name});" for name in self.ends))
        self._add(*(f"drop_{name}();" for name in self.program.handed))
        if anything:
            self._settle()
        for name in self.calls:
            if self.program.returns:
                self._add(f"if let Some({name}) = {name} {{", f"    {name}.await;", "}")
            else:
                self._add(f"drop({name});")

    def _add_checks(self) -> None:
        """Check what must hold at the end."""
        if self.program.leaves_nothing:
            self._add("let_go().await;")
            self._settle()
            self._add('assert_eq!(handles(), before, "something is left behind");')
        if self.program.keeps_stack:
            self.used.add("check_stack")
            self._add("check_stack(before);")
        if self.program.flag:
            self._add(f"assert!({self.program.flag}());")
        if self.program.takes_turns:
            self._add("assert!(ran_in_time());")
        if self.program.wakes:
            self._add("assert!(woken());")
        if self.program.counts:
            lost = "an item was lost on the way, or came twice"
            self._add(f'assert_eq!(items(), items_outside, "{lost}");')

    # --- steps --------------------------------------------------------------------------------

    def _add_step(self, step: OutsideStep) -> None:
        subject = step.subject
        match step.kind:
            case "call":
                self.used.add("start")
                self._add(f"let {subject} = start({subject}()).await;")
                self.calls.append(subject)
            case "sync":
                self._add(f"{subject}();")
            case "lifted":
                raise InputError(
                    "call_sync_lifted_export cannot be written as a test of the suite",
                    hint=f"{CRATE_ONLY}: the generator lifts an async export asynchronously",
                )
            case "cancel":
                self._cancel(step)
            case "copy":
                self._copy(self.channels[subject], step.waits)
            case "drop":
                self._stop_copy(subject)
                if subject in self.ends:
                    self._add(f"drop({subject});")
                    self.ends.remove(subject)
            case "drop-handed":
                self._add(f"drop_{subject}();")
            case "answer":
                self._answer(subject)
            case "flag":
                self._add(f"assert!({subject}());")
            case "progress":
                self._progress(subject)
            case _:
                self._settle()

    def _progress(self, state: str) -> None:
        """Let the call of the import reach a state."""
        if state == "CANCELLED":
            # what comes next happens before who waits for the answer can go on
            self._add("answer.write(()).await.unwrap();", "answers.await;")
            self.ends = [name for name in self.ends if name not in ("answer", "answers")]
        elif state == "STARTED":
            self._add("hold(false);")
            self.on_hold = False
        else:
            self._add(f"{self._gate()}.write(()).await.unwrap();")
            self.ends.remove(self._gate())

    def _cancel(self, step: OutsideStep) -> None:
        """Drop a call."""
        if step.waits:
            raise InputError(
                "a cancellation while a block_on waits cannot be written as a test of the suite: "
                "the runner would wait for it, and could do nothing else",
                hint=CRATE_ONLY,
            )
        self._add(f"drop({step.subject});")
        self.calls.remove(step.subject)

    def _copy(self, channel: Channel, waits: bool) -> None:
        """Read or write as the peer; a copy without a partner waits."""
        name, writes = channel.ident, channel.outside == "write"
        self._stop_copy(name)
        if channel.is_future:
            copy = f"{name}.write(1)" if writes else name
            self.ends.remove(name)
        else:
            copy = f"{name}.write(vec![1])" if writes else f"{name}.read(Vec::with_capacity(1))"
        if not waits:
            self._add(self._counted(name, f"{copy}.await", f"let _ = {copy}.await;"))
            return
        self.used.add("begin")
        self.copies[name] = f"{name}_copy"
        future = f"{copy}.into_future()" if channel.is_future and not writes else copy
        self._add(f"let mut {name}_copy = Box::pin({future});", f"begin(&mut {name}_copy).await;")

    def _stop_copy(self, channel: str) -> None:
        """Drop a copy that waited, so that its end can be used again."""
        if channel in self.copies:
            copy = self.copies.pop(channel)
            self._add(self._counted(channel, f"{copy}.as_mut().cancel()", f"drop({copy});"))

    def _counted(self, channel: str, result: str, otherwise: str) -> str:
        """Return the line that counts the items of a copy, if the test is about them."""
        if channel != self.program.counts:
            return otherwise
        self.used.add("copied")
        return f"items_outside += copied({result}.0);"

    def _gate(self) -> str:
        """Return the name of the last gate."""
        return "gate" if self.gates == 1 else f"gate_{self.gates}"

    def _answer(self, state: str) -> None:
        """Set the state that the next call of the import reaches at once."""
        if self.on_hold and state != "STARTING":
            raise InputError(
                "a call that starts while another may not cannot be written as a test of the suite",
                hint=CRATE_ONLY,
            )
        if not self.on_hold and state == "STARTING":
            self._add("hold(true);")
            self.on_hold = True
        if state != "RETURNED":
            self.gates += 1
            self._add(f"let ({self._gate()}, reader) = wit_future::new(|| ());", "expect(reader);")
            self.ends.append(self._gate())
        if self.program.drop_waits and "answer" not in self.ends:
            self._add(
                "let (answer, reader) = wit_future::new(|| ());",
                "let answers = stay_silent(reader);",
            )
            self.ends += ["answer", "answers"]
