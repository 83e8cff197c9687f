//@ wasmtime-flags = '-Wcomponent-model-async'

// A task starts a read, puts it into shared storage and is cancelled. The task ends, but the read
// stays registered with it: when an item comes after that, its event will be in a set that no task
// waits for, and no waker is called.
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
        let cancelled = start(cancelled()).await;
        drop(cancelled);

        // Everybody lets go.
        drop(input);
        settle().await;
        assert!(woken());
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
