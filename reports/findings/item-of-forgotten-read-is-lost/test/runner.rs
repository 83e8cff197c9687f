//@ wasmtime-flags = '-Wcomponent-model-async'

// A read is under way, and the program leaks it with `mem::forget`. An item comes: the writer is
// notified that it was taken, but it lies in a buffer that no code can reach. Both ends then report
// different numbers of items.
include!(env!("BINDINGS"));

use crate::my::test::i::*;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wit_bindgen::{StreamResult, yield_async};

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        let mut items_outside = 0;
        let (mut input, reader) = wit_stream::new();
        prepare(reader);
        let exported = start(exported()).await;
        items_outside += copied(input.write(vec![1]).await.0);
        settle().await;

        // Everybody lets go.
        drop(input);
        settle().await;
        drop(exported);
        assert_eq!(items(), items_outside, "an item was lost on the way, or came twice");
    }
}

type Call = Pin<Box<dyn Future<Output = ()>>>;

/// Calls, and gives the call back unless it has returned at once.
async fn start(call: impl Future<Output = ()> + 'static) -> Option<Call> {
    let mut call: Call = Box::pin(call);
    let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    polled.is_pending().then_some(call)
}

/// How many items a copy has reported.
fn copied(result: StreamResult) -> u32 {
    if let StreamResult::Complete(items) = result { items as u32 } else { 0 }
}

/// The component runs until it has nothing to do.
async fn settle() {
    for _ in 0..5 {
        yield_async().await;
    }
}
