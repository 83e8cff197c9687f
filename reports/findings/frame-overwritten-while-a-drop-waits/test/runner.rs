//@ wasmtime-flags = '-Wcomponent-model-async'

// An async export drops a call whose callee does not answer at once, so the drop waits in the host.
// Before it goes on, an export of synchronous type is called, and waits in a `block_on`. The drop
// goes on first, and what follows it lies on the frames of the other, which still waits.
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
        prepare();
        let exported = start(exported()).await;
        let (gate, reader) = wit_future::new(|| ());
        expect(reader);
        let (answer, reader) = wit_future::new(|| ());
        let answers = stay_silent(reader);
        settle().await;
        answer.write(()).await.unwrap();
        answers.await;
        blocks();

        // Everybody lets go.
        drop(gate);
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
