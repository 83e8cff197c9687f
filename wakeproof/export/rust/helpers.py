"""Helper functions of a generated component, each with the paths that its text uses.

A helper without a text is a path alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeproof.export.rust.turns import TURNS


@dataclass(frozen=True)
class Helper:
    """The paths that have to be in scope, the text of a function or type, and what it does.

    `says` is for readers of the program who do not see the text.
    """

    uses: tuple[str, ...]
    text: str = ""
    says: str = ""


GOES_ON = f"""\
/// How often the loop is taken if nothing outside ends it.
const TURNS: u32 = {TURNS};

/// Whether the loop goes on: until something outside has run, and not for ever.
fn goes_on() -> bool {{
    TAKEN.set(TAKEN.get() + 1);
    !OUTSIDE_RAN.get() && TAKEN.get() <= TURNS
}}"""

HELPERS = {
    "poll_once": Helper(
        ("std::future::poll_fn", "std::task::Poll"),
        """\
/// Polls once, with the waker of the future that runs.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await
}""",
        says="polls an operation once, and is never pending itself",
    ),
    "poll_any": Helper(
        ("std::future::{Future, poll_fn}", "std::pin::Pin", "std::task::Poll"),
        """\
/// Polls once, with the waker of the future that runs.
async fn poll_once<F: Future + Unpin>(operation: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *operation).poll(context))).await
}""",
    ),
    "count": Helper(
        (
            "std::cell::Cell",
            "std::task::Poll",
            "std::thread::LocalKey",
            "wit_bindgen::StreamResult",
        ),
        """\
/// Counts the items of a read or write that is over.
fn count<B>(items: &'static LocalKey<Cell<u32>>, over: Poll<(StreamResult, B)>) {
    let Poll::Ready((result, _)) = over else { panic!("it is not over") };
    if let StreamResult::Complete(number) = result {
        items.set(items.get() + number as u32);
    }
}""",
        says="adds up how many items the program knows of",
    ),
    "poll_noted": Helper(
        ("std::sync::Arc", "std::task::{Context, Poll, Wake}"),
        """\
/// Polls once, with a waker that notes that it is woken.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    operation.as_mut().poll(&mut Context::from_waker(&Arc::new(Noted).into()))
}

struct Noted;

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        WOKEN.set(true);
    }
}""",
    ),
    "poll_handle": Helper(
        (
            "std::future::{Future, poll_fn}",
            "std::pin::Pin",
            "std::task::Poll",
            "std::thread::LocalKey",
        ),
        """\
/// Polls a handle, which is dropped once it is ready.
async fn poll_handle(slot: &'static LocalKey<Slot<JoinHandle<()>>>) -> Poll<()> {
    let mut handle = slot.take().unwrap();
    let polled = poll_fn(|context| Poll::Ready(Pin::new(&mut handle).poll(context))).await;
    if polled.is_pending() {
        slot.set(Some(handle));
    }
    polled.map(drop)
}""",
        says="polls a `JoinHandle` once",
    ),
    "suspend": Helper(
        ("std::future::poll_fn", "std::task::Poll"),
        """\
/// Is pending once: who has the waker says when to go on.
async fn suspend() {
    let mut polled = false;
    poll_fn(|_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await
}""",
        says="is pending once",
    ),
    "current_waker": Helper(
        ("std::future::poll_fn", "std::task::Poll", "std::task::Waker"),
        """\
async fn current_waker() -> Waker {
    poll_fn(|context| Poll::Ready(context.waker().clone())).await
}""",
        says="clones the waker of the future that runs",
    ),
    "waker_that_runs": Helper(
        ("std::sync::Arc", "std::task::{Wake, Waker}"),
        """\
/// A waker of the program's own.
fn waker_that_runs(code: fn()) -> Waker {
    Arc::new(Runs(code)).into()
}

struct Runs(fn());

impl Wake for Runs {
    fn wake(self: Arc<Self>) {
        (self.0)()
    }
}""",
    ),
    "wake_self": Helper(
        ("std::future::poll_fn", "std::task::Poll"),
        """\
/// Wakes the future that runs.
async fn wake_self() {
    poll_fn(|context| Poll::Ready(context.waker().wake_by_ref())).await
}""",
        says="wakes the future that runs",
    ),
    "in_frame": Helper(
        ("std::hint::black_box",),
        """\
const FRAME: usize = 16 * 1024;

/// Waits with `frame` on the stack, uses the stack as any function may, and looks at `frame`.
fn in_frame(name: &str, wait: impl FnOnce()) {
    let frame = [1u8; FRAME];
    black_box(&frame);
    returns(wait);
    use_stack();
    check_frame(name, black_box(&frame));
}

/// A function of its own: when it returns the stack pointer is that of `in_frame`.
#[inline(never)]
fn returns(wait: impl FnOnce()) {
    wait()
}

#[inline(never)]
fn use_stack() {
    let used = [black_box(2u8); FRAME / 2];
    black_box(&used);
}

#[inline(never)]
fn check_frame(name: &str, frame: &[u8; FRAME]) {
    let changed = frame.iter().filter(|&&byte| byte != 1).count();
    assert!(changed == 0, "{changed} bytes of the frame of `{name}` were overwritten");
}""",
        says="keeps an array on its stack frame while it waits, and panics if the array has "
        "changed afterwards",
    ),
    "in_wide_frame": Helper(
        ("std::hint::black_box",),
        """\
/// Waits in a frame which is so large that nobody reaches what is above or below it.
#[inline(never)]
fn in_wide_frame(wait: impl FnOnce()) {
    let room = [black_box(1u8); 16 * 1024];
    wait();
    black_box(&room);
}""",
        says="waits with much room on its stack frame",
    ),
    "goes_on": Helper((), GOES_ON),
    "OnDrop": Helper(
        (),
        """\
/// What is done where a future is dropped before it is done.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)()
    }
}""",
        says="is what runs if the future is dropped before it is done",
    ),
    "Context": Helper(("std::task::Context",)),
    "Future": Helper(("std::future::Future",)),
    "FutureWriteCancel": Helper(("wit_bindgen::FutureWriteCancel",)),
    "IntoFuture": Helper(("std::future::IntoFuture",)),
    "StreamResult": Helper(("wit_bindgen::StreamResult",)),
    "Waker": Helper(("std::task::Waker",)),
    "block_on": Helper(("wit_bindgen::block_on",)),
    "start_task": Helper(("wit_bindgen::rt::async_support::start_task",)),
    "spawn_local": Helper(("wit_bindgen::spawn_local",)),
    "yield_async": Helper(("wit_bindgen::yield_async",)),
    "yield_blocking": Helper(("wit_bindgen::yield_blocking",)),
}
