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

    async fn let_go() {
        drop(PROMISE_WRITER.take());
    }

    fn handles() -> u32 {
        // As many sets as fill every hole of the table: the last index is the size of it then.
        let sets: Vec<u32> = (0..100).map(|_| unsafe { waitable_set_new() }).collect();
        let size = *sets.iter().max().unwrap();
        for set in sets {
            unsafe { waitable_set_drop(set) };
        }
        size - 100
    }
}

// The bindings cannot tell what is left in the component's table of handles.
#[link(wasm_import_module = "$root")]
extern "C" {
    #[link_name = "[waitable-set-new]"]
    fn waitable_set_new() -> u32;
    #[link_name = "[waitable-set-drop]"]
    fn waitable_set_drop(set: u32);
}

fn write_promise() -> Operation {
    let writer = PROMISE_WRITER.take().unwrap();
    Box::pin(async move {
        let _ = writer.write(1).await;
    })
}
