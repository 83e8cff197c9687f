//@ wasmtime-flags = '-Wcomponent-model-async'

// A program leaks a reader with `mem::forget`, which is safe. Its handle stays in the table of the
// instance, and whoever writes at the other end waits for a reader that is there
// and never reads.
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
        let (input, reader) = wit_stream::new();
        prepare(reader);
        let exported = start(exported()).await;

        // Everybody lets go.
        drop(input);
        settle().await;
        drop(exported);
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
