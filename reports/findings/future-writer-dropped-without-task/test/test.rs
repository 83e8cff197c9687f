// A `FutureWriter` that is dropped writes its default value in the background. In an export of
// synchronous type no task is current, nobody waits for that write, and to register it panics
// (bytecodealliance/wit-bindgen, issue 1610).
include!(env!("BINDINGS"));

use std::cell::RefCell;
use wit_bindgen::{FutureReader, FutureWriter};

struct Component;

export!(Component);

type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static PROMISE_WRITER: Slot<FutureWriter<u8>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare() -> FutureReader<u8> {
        let (writer, reader) = wit_future::new(|| 0);
        PROMISE_WRITER.set(Some(writer));
        reader
    }

    fn drop_promise() {
        drop(PROMISE_WRITER.take());
    }
}
