//@ wasmtime-flags = '-Wcomponent-model-async'

// A task sleeps until its waker is woken, and is cancelled. One of its destructors wakes that
// waker, as dropping a channel's sender does. By its state the task still sleeps: it is woken
// through a stream that nobody reads any more, and panics.
include!(env!("BINDINGS"));

use crate::my::test::i::*;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        let sleeper = start(sleeper()).await;
        drop(sleeper);
    }
}

type Call = Pin<Box<dyn Future<Output = ()>>>;

/// Calls, and gives the call back unless it has returned at once.
async fn start(call: impl Future<Output = ()> + 'static) -> Option<Call> {
    let mut call: Call = Box::pin(call);
    let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    polled.is_pending().then_some(call)
}
