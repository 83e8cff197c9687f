// An export of synchronous type calls `start_task`, to go on with a read once it has returned. The
// read is not ready: what was started is never called back. The context of the thread still holds
// it when the export calls `start_task` a second time, which panics.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use wit_bindgen::StreamReader;
use wit_bindgen::rt::async_support::start_task;

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    fn start() {
        start_task(async {
            let mut read = read_input();
            (&mut read).await;
        });
        start_task(async {
        });
    }
}

fn read_input() -> Operation {
    let reader = INPUT_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}
