//@ wasmtime-flags = '-Wcomponent-model-async'

// The writer of a stream is dropped, and a read says so. The program then hands the reader over to
// another component, as the argument of an import. An end that was notified of the drop must not be
// handed over, and the host traps.
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
        let (input, reader) = wit_stream::new();
        prepare(reader);
        drop(input);
        let exported = start(exported()).await;

        // Everybody lets go.
        drop_input();
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
