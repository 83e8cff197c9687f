//@ wasmtime-flags = '-Wcomponent-model-async'

// An async export waits in a `block_on`, an export of synchronous type in a `block_on` within a
// `block_on`. The async one goes on first, and finds the other's outer `block_on` as the current
// task. Its read is registered there, and its own task has nothing to wait for.
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
        let (mut first, first_reader) = wit_stream::new();
        let (second, second_reader) = wit_stream::new();
        prepare(first_reader, second_reader);
        let exported = start(exported()).await;
        let _ = first.write(vec![1]).await;
        blocks();

        // Everybody lets go.
        drop(first);
        drop(second);
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
