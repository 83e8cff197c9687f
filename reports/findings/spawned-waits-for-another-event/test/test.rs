// A future that was spawned starts a read, spawns another future and waits. The new one is put
// into the set of its task, which nobody polls any more: it runs only once some other event
// comes (bytecodealliance/wit-bindgen, pull request 1608).
include!(env!("BINDINGS"));

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wit_bindgen::{StreamReader, spawn_local};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static LATER_INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static SPAWNED_RAN: Cell<bool> = const { Cell::new(false) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>, later_input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
        LATER_INPUT_READER.set(Some(Rc::new(RefCell::new(later_input))));
    }

    async fn exported() {
        let mut read = read_input();
        assert!(poll_once(&mut read).await.is_pending());
        spawn_local(async {
            let mut read_later = read_later_input();
            assert!(poll_once(&mut read_later).await.is_pending());
            spawn_local(async {
                SPAWNED_RAN.set(true);
            });
            suspend().await;
        });
        suspend().await;
    }

    fn spawned_ran() -> bool {
        SPAWNED_RAN.get()
    }
}

fn read_input() -> Operation {
    let reader = INPUT_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}

fn read_later_input() -> Operation {
    let reader = LATER_INPUT_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}

/// Polls once, with the waker of the future that runs.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await
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
