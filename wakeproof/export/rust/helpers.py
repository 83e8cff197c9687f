"""The helper functions that a generated Rust program may need."""

from __future__ import annotations

# the small functions that a component may need, with what they use
HELPERS: dict[str, tuple[tuple[str, ...], str]] = {
    "poll_once": (
        ("std::future::poll_fn", "std::task::Poll"),
        """\
/// Polls once, with the waker of the future that runs.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await
}""",
    ),
    "poll_noted": (
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
    "poll_handle": (
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
    ),
    "suspend": (
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
    ),
    "current_waker": (
        ("std::future::poll_fn", "std::task::Poll", "std::task::Waker"),
        """\
async fn current_waker() -> Waker {
    poll_fn(|context| Poll::Ready(context.waker().clone())).await
}""",
    ),
    "wake_self": (
        ("std::future::poll_fn", "std::task::Poll"),
        """\
/// Wakes the future that runs.
async fn wake_self() {
    poll_fn(|context| Poll::Ready(context.waker().wake_by_ref())).await
}""",
    ),
    "OnDrop": (
        (),
        """\
/// What is done where a future is dropped before it is done.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)()
    }
}""",
    ),
    "Context": (("std::task::Context",), ""),
    "Waker": (("std::task::Waker",), ""),
    "block_on": (("wit_bindgen::block_on",), ""),
    "spawn_local": (("wit_bindgen::spawn_local",), ""),
    "yield_async": (("wit_bindgen::yield_async",), ""),
}
