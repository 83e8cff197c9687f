//@ wasmtime-flags = '-Wcomponent-model-async'

// An export waits for a read and is cancelled. A destructor wakes the export's own waker, as
// dropping a channel's sender does. By its state the task still sleeps, and without
// `inter-task-wakeup` a task that sleeps cannot be woken: it panics, though it is about to end.
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
        let sleeper = start(sleeper()).await;
        drop(sleeper);

        // Everybody lets go.
        drop(input);
        settle().await;
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
