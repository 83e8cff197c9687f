//@ wasmtime-flags = '-Wcomponent-model-async'

// An async export waits in a `block_on`, and an export of synchronous type waits in another. The
// async one goes on first and returns. When the synchronous one returns, the stack pointer is set
// to where it was called, above frames that are gone: the stack is used up after some turns.
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
        let before = stack_pointer();
        let (mut first, reader) = wit_stream::new();
        prepare(reader);
        let exported = start(exported()).await;
        let _ = first.write(vec![1]).await;
        blocks();

        // Everybody lets go.
        drop(first);
        settle().await;
        if let Some(exported) = exported {
            exported.await;
        }
        check_stack(before);
    }
}

type Call = Pin<Box<dyn Future<Output = ()>>>;

/// Calls, and gives the call back unless it has returned at once.
async fn start(call: impl Future<Output = ()> + 'static) -> Option<Call> {
    let mut call: Call = Box::pin(call);
    let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    polled.is_pending().then_some(call)
}

/// What was on the stack is gone, so that a call finds it as the first one did.
fn check_stack(before: u32) {
    let lost = before - stack_pointer();
    assert!(lost == 0, "{lost} bytes of the stack are lost");
}

/// The component runs until it has nothing to do.
async fn settle() {
    for _ in 0..5 {
        yield_async().await;
    }
}
