//@ wasmtime-flags = '-Wcomponent-model-async'

// A write waits, its reader is dropped, and the task is woken. It cancels the write by hand, as a
// `select` may do, and the result is Dropped. Another write should give the same; instead it starts
// a copy on an end that the host knows to be done, which traps.
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
        let output = prepare();
        let exported = start(exported()).await;
        drop(output);
        settle().await;

        // Everybody lets go.
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
