//@ wasmtime-flags = '-Wcomponent-model-async'

// `waiting` keeps its waker, and `polling` takes its read over. While it is cancelled, `polling`
// polls the read with the waker of `waiting`, and ends. The item comes, and its event waits in
// the set of the dead task: `waiting` is never woken.
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
        let waiting = start(waiting()).await;
        let polling = start(polling()).await;
        drop(polling);
        let _ = input.write(vec![1]).await;

        // Everybody lets go.
        drop(input);
        settle().await;
        if let Some(waiting) = waiting {
            waiting.await;
        }
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
