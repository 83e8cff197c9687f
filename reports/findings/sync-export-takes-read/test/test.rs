// A `block_on` waits for a read. An export of synchronous type polls the same read with the same
// waker, and so registers it with the task below the `block_on`. That task cannot run until the
// `block_on` ends, which now waits on an empty set.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use wit_bindgen::{StreamReader, block_on};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static READ: Slot<Operation> = const { Slot::new(None) };
    static NESTED_WAKER: Slot<Waker> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    async fn exported() {
        block_on(async {
            let mut read = read_input();
            assert!(poll_once(&mut read).await.is_pending());
            READ.set(Some(read));
            NESTED_WAKER.set(Some(current_waker().await));
            suspend().await;
        });
    }

    fn poll_read() {
        let waker = NESTED_WAKER.with_borrow(|waker| waker.clone().unwrap());
        let mut read = READ.take().unwrap();
        assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        READ.set(Some(read));
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

/// Is pending once: who has the waker says when to go on.
async fn suspend() {
    let mut polled = false;
    poll_fn(|_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await
}

async fn current_waker() -> Waker {
    poll_fn(|context| Poll::Ready(context.waker().clone())).await
}
