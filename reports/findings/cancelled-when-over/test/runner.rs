//@ wasmtime-flags = '-Wcomponent-model-async'

// One task reads a future and writes it. The write finds its reader waiting, and is over with
// its first poll. To cancel it after that panics, as the documentation of `cancel` says: who
// cancels an operation has to know whether it is over.
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
        prepare();
        let reads = start(reads()).await;

        // Everybody lets go.
        settle().await;
        drop(reads);
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
