//@ wasmtime-flags = '-Wcomponent-model-async'

// `left` is called, `left_input` is written, `right_input` is written, `right` is called.
// It must hold that no task waits for what can never come.
// The export's task never ends: the host keeps it, its set and its memory for ever.
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
        let (mut left_input, left_input_reader) = wit_stream::new();
        let (mut right_input, right_input_reader) = wit_stream::new();
        prepare(left_input_reader, right_input_reader);
        let left = start(left()).await;
        let _ = left_input.write(vec![1]).await;
        let mut right_input_copy = Box::pin(right_input.write(vec![1]));
        begin(&mut right_input_copy).await;
        let right = start(right()).await;
        settle().await;

        // Everybody lets go.
        drop(right_input_copy);
        drop(left_input);
        drop(right_input);
        settle().await;
        if let Some(left) = left {
            left.await;
        }
        if let Some(right) = right {
            right.await;
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

/// Begins what has to wait.
async fn begin<F: Future>(copy: &mut Pin<Box<F>>) {
    let polled = poll_fn(|context| Poll::Ready(copy.as_mut().poll(context))).await;
    assert!(polled.is_pending());
}

/// The component runs until it has nothing to do.
async fn settle() {
    for _ in 0..5 {
        yield_async().await;
    }
}
