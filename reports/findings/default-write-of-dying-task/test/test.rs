// A task that writes a future is cancelled. Its destructors drop the write, and the default value
// is written in the background: registered with the task that is dying. The value is read, but
// the write is never told, and keeps itself, the task and its set alive for ever.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use wit_bindgen::{FutureReader, FutureWriter};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
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

    async fn exported() {
        let mut write = write_promise();
        (&mut write).await;
    }
}

fn write_promise() -> Operation {
    let writer = PROMISE_WRITER.take().unwrap();
    Box::pin(async move {
        let _ = writer.write(1).await;
    })
}
