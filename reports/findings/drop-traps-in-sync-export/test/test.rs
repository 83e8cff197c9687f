// An async export puts a call into shared storage. An export of synchronous type takes it out and
// drops it. The callee does not answer the cancellation at once, so the drop waits, and the host
// traps: an export of synchronous type may not wait here.
include!(env!("BINDINGS"));

use crate::my::test::calls::work;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static CALL: Slot<Operation> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    async fn exported() {
        let mut call = Box::pin(work()) as Operation;
        assert!(poll_once(&mut call).await.is_pending());
        CALL.set(Some(call));
        suspend().await;
    }

    fn drop_call() {
        drop(CALL.take());
    }
}

/// Polls once, with the waker of the future that runs.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await
}

/// Is pending once: who has the waker says when to go on.
async fn suspend() {
    let mut polled = false;
    poll_fn(|_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await
}
