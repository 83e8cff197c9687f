//@ wasmtime-flags = '-Wcomponent-model-async'

// A `block_on` waits for a read. An export of synchronous type polls the same read with the same
// waker, and so registers it with the task below the `block_on`. That task cannot run until the
// `block_on` ends, which now waits on an empty set.
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
        let exported = start(exported()).await;
        let _ = input.write(vec![1]).await;
        poll_read();

        // Everybody lets go.
        drop(input);
        settle().await;
        if let Some(exported) = exported {
            exported.await;
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
