// A task sleeps until its waker is woken, and is cancelled. One of its destructors wakes that
// waker, as dropping a channel's sender does. By its state the task still sleeps: it is woken
// through a stream that nobody reads any more, and panics.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

struct Component;

export!(Component);

type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static SLEEPER_WAKER: Slot<Waker> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    async fn sleeper() {
        let cleanup = OnDrop(|| {
            SLEEPER_WAKER.with_borrow(|waker| waker.as_ref().unwrap().wake_by_ref());
        });
        SLEEPER_WAKER.set(Some(current_waker().await));
        suspend().await;
        std::mem::forget(cleanup);
    }
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

async fn current_waker() -> Waker {
    poll_fn(|context| Poll::Ready(context.waker().clone())).await
}

/// What is done where a future is dropped before it is done.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)()
    }
}
