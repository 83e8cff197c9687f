//@ wasmtime-flags = '-Wcomponent-model-async'

// A task that writes a future is cancelled. Its destructors drop the write, and the default value
// is written in the background: registered with the task that is dying. The value is read, but
// the write is never told, and keeps itself, the task and its set alive for ever.
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
        let before = handles();
        let promise = prepare();
        let exported = start(exported()).await;
        drop(exported);

        // Everybody lets go.
        drop(promise);
        settle().await;
        let_go().await;
        settle().await;
        assert_eq!(handles(), before, "something is left behind");
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
