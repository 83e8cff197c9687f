//@ wasmtime-flags = '-Wcomponent-model-async'

// An async export puts a call into shared storage. An export of synchronous type takes it out and
// drops it. The callee does not answer the cancellation at once, so the drop waits, and the host
// traps: an export of synchronous type may not wait here.
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
        let (gate, reader) = wit_future::new(|| ());
        expect(reader);
        let (answer, reader) = wit_future::new(|| ());
        let answers = stay_silent(reader);
        let exported = start(exported()).await;
        drop_call();

        // Everybody lets go.
        drop(gate);
        drop(answer);
        drop(answers);
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
