//@ wasmtime-flags = '-Wcomponent-model-async'

// An export starts a read, and yields until the read is ready. The peer writes, and the event of
// the read is in the task's set. The task is called back for its yields alone, and never gets it
// (bytecodealliance/wit-bindgen, pull request 1439).
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
        let (mut input, reader) = wit_stream::new();
        prepare(reader);
        let exported = start(exported()).await;
        let _ = input.write(vec![1]).await;
        settle().await;
        assert!(loop_ended());

        // Everybody lets go.
        drop(input);
        settle().await;
        drop(exported);
        assert!(loop_ended());
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
