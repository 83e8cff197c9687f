// One task reads a future and writes it. The write finds its reader waiting, and is over with
// its first poll. To poll it again panics, as with other futures: who keeps an operation has to
// know whether it is over.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wit_bindgen::{FutureReader, FutureWriter};

struct Component;

export!(Component);

type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static PROMISE_READER: Slot<FutureReader<u8>> = const { Slot::new(None) };
    static PROMISE_WRITER: Slot<FutureWriter<u8>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare() {
        let (writer, reader) = wit_future::new(|| 0);
        PROMISE_WRITER.set(Some(writer));
        PROMISE_READER.set(Some(reader));
    }

    async fn reads() {
        let mut read = Box::pin(PROMISE_READER.take().unwrap().into_future());
        assert!(poll_once(&mut read).await.is_pending());
        let mut write = Box::pin(PROMISE_WRITER.take().unwrap().write(1));
        assert!(poll_once(&mut write).await.is_ready());
        let _ = poll_once(&mut write).await;
    }

    // Never called: no other function has the bindings make a `wit_future`.
    fn takes_future(_: FutureReader<u8>) {}
}

/// Polls once, with the waker of the future that runs.
async fn poll_once<F: Future + Unpin>(operation: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *operation).poll(context))).await
}
