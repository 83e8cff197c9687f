//@ wasmtime-flags = '-Wcomponent-model-async'

// An export puts a call into shared storage and returns. The waker of the call is the program's
// own and spawns, as the queue of `async_task` in a port of `wstd` does. When the call returns the
// waker runs, and an assertion says that nothing can have been spawned.
include!(env!("BINDINGS"));

use crate::my::test::control::*;
use crate::my::test::i::*;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wit_bindgen::yield_async;

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        hold(true);
        let (gate, reader) = wit_future::new(|| ());
        expect(reader);
        let exported = start(exported()).await;
        hold(false);
        settle().await;

        // Everybody lets go.
        drop(gate);
        settle().await;
        drop(exported);
    }
}

type Call = Pin<Box<dyn Future<Output = ()>>>;

/// Calls, and gives the call back unless it has returned at once.
async fn start(call: impl Future<Output = ()> + 'static) -> Option<Call> {
    let mut call: Call = Box::pin(call);
    let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    polled.is_pending().then_some(call)
}

/// The component runs until it has nothing to do.
async fn settle() {
    for _ in 0..5 {
        yield_async().await;
    }
}
