//@ wasmtime-flags = '-Wcomponent-model-async'

// A read is under way, and the program leaks it with `mem::forget`, which is safe. Its borrow of
// the reader ends, and its copy does not. The next read of the same reader starts a second copy,
// and the host traps.
include!(env!("BINDINGS"));

use crate::my::test::i::*;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wit_bindgen::yield_async;

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        let (input, reader) = wit_stream::new();
        prepare(reader);
        let exported = start(exported()).await;

        // Everybody lets go.
        drop(input);
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
