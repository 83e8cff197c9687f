// A read is under way, and the program leaks it with `mem::forget`. An item comes: the writer is
// notified that it was taken, but it lies in a buffer that no code can reach. Both ends then report
// different numbers of items.
include!(env!("BINDINGS"));

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wit_bindgen::StreamReader;

struct Component;

export!(Component);

type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<StreamReader<u8>> = const { Slot::new(None) };
    static INPUT_ITEMS: Cell<u32> = const { Cell::new(0) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(input));
    }

    async fn exported() {
        let mut input_reader = INPUT_READER.take().unwrap();
        let mut read = Box::pin(input_reader.read(Vec::with_capacity(1)));
        assert!(poll_once(&mut read).await.is_pending());
        std::mem::forget(read);
        suspend().await;
        drop(input_reader);
    }

    fn items() -> u32 {
        INPUT_ITEMS.get()
    }
}

/// Polls once, with the waker of the future that runs.
async fn poll_once<F: Future + Unpin>(operation: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *operation).poll(context))).await
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
