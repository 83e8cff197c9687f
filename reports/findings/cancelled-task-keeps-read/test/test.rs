// A task starts a read, puts it into shared storage and is cancelled. The task ends, but the read
// stays registered with it: when an item comes after that, its event will be in a set that no task
// waits for, and no waker is called.
include!(env!("BINDINGS"));

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use wit_bindgen::StreamReader;

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static READ: Slot<Operation> = const { Slot::new(None) };
    static WOKEN: Cell<bool> = const { Cell::new(false) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    async fn cancelled() {
        let mut read = read_input();
        assert!(poll_once(&mut read).await.is_pending());
        READ.set(Some(read));
        suspend().await;
    }

    fn woken() -> bool {
        WOKEN.get()
    }
}

fn read_input() -> Operation {
    let reader = INPUT_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}

/// Polls once, with a waker that notes that it is woken.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    operation.as_mut().poll(&mut Context::from_waker(&Arc::new(Noted).into()))
}

struct Noted;

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        WOKEN.set(true);
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
