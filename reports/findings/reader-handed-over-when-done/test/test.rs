// The writer of a stream is dropped, and a read says so. The program then hands the reader over to
// another component, as the argument of an import. An end that was notified of the drop must not be
// handed over, and the host traps.
include!(env!("BINDINGS"));

use crate::my::test::calls::hand_over_input;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wit_bindgen::StreamReader;

struct Component;

export!(Component);

type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<StreamReader<u8>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(input));
    }

    async fn exported() {
        let mut input_reader = INPUT_READER.take().unwrap();
        let mut read = Box::pin(input_reader.read(Vec::with_capacity(1)));
        assert!(poll_once(&mut read).await.is_ready());
        drop(read);
        hand_over_input(input_reader);
    }
}

/// Polls once, with the waker of the future that runs.
async fn poll_once<F: Future + Unpin>(operation: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *operation).poll(context))).await
}
