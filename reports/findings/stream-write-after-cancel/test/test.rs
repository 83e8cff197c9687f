// A write waits, its reader is dropped, and the task is woken. It cancels the write by hand, as a
// `select` may do, and the result is Dropped. Another write should give the same; instead it starts
// a copy on an end that the host knows to be done, which traps.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

struct Component;

export!(Component);

type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static OUTPUT_WRITER: Slot<StreamWriter<u8>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare() -> StreamReader<u8> {
        let (writer, reader) = wit_stream::new();
        OUTPUT_WRITER.set(Some(writer));
        reader
    }

    async fn exported() {
        let mut output_writer = OUTPUT_WRITER.take().unwrap();
        let mut write = Box::pin(output_writer.write(vec![1; 2]));
        assert!(poll_once(&mut write).await.is_pending());
        suspend().await;
        assert_eq!(write.as_mut().cancel().0, StreamResult::Dropped);
        drop(write);
        let mut write = Box::pin(output_writer.write(vec![1; 2]));
        let _ = poll_once(&mut write).await;
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
