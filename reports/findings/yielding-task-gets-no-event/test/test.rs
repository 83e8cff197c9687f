// An export starts a read, and yields until the read is ready. The peer writes, and the event of
// the read is in the task's set. The task is called back for its yields alone, and never gets it
// (bytecodealliance/wit-bindgen, pull request 1439).
include!(env!("BINDINGS"));

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wit_bindgen::{StreamReader, yield_async};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static LOOP_ENDED: Cell<bool> = const { Cell::new(false) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    async fn exported() {
        let mut read = read_input();
        while poll_once(&mut read).await.is_pending() {
            yield_async().await;
        }
        LOOP_ENDED.set(true);
    }

    fn loop_ended() -> bool {
        LOOP_ENDED.get()
    }
}

fn read_input() -> Operation {
    let reader = INPUT_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}

/// Polls once, with the waker of the future that runs.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await
}
