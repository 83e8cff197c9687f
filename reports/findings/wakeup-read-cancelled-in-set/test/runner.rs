//@ wasmtime-flags = '-Wcomponent-model-async'

// With `inter-task-wakeup` a task that sleeps reads a stream of its own. When something else comes
// first that read is cancelled while it is in the task's set, which makes the host trap
// (bytecodealliance/wit-bindgen, pull request 1638).
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
        let sleeper = start(sleeper()).await;
        let _ = input.write(vec![1]).await;
        settle().await;

        // Everybody lets go.
        drop(input);
        settle().await;
        drop(sleeper);
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
