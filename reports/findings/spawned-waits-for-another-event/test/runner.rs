//@ wasmtime-flags = '-Wcomponent-model-async'

// A future that was spawned starts a read, spawns another future and waits. The new one is put
// into the set of its task, which nobody polls any more: it runs only once some other event
// comes (bytecodealliance/wit-bindgen, pull request 1608).
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
        let (input, input_reader) = wit_stream::new();
        let (later_input, later_input_reader) = wit_stream::new();
        prepare(input_reader, later_input_reader);
        let exported = start(exported()).await;
        settle().await;
        assert!(spawned_ran());

        // Everybody lets go.
        drop(input);
        drop(later_input);
        settle().await;
        drop(exported);
        assert!(spawned_ran());
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
