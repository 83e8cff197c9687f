// `left` is called, `left_input` is written, `right_input` is written, `right` is called.
// It must hold that no task waits for what can never come.
// The export's task never ends: the host keeps it, its set and its memory for ever.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use wit_bindgen::StreamReader;

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static LEFT_INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static RIGHT_INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static RIGHT_WAKER: Slot<Waker> = const { Slot::new(None) };
    static LEFT_WAKER: Slot<Waker> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(left_input: StreamReader<u8>, right_input: StreamReader<u8>) {
        LEFT_INPUT_READER.set(Some(Rc::new(RefCell::new(left_input))));
        RIGHT_INPUT_READER.set(Some(Rc::new(RefCell::new(right_input))));
    }

    async fn left() {
        let mut left_item = read_left_input();
        (&mut left_item).await;
        LEFT_WAKER.set(Some(current_waker().await));
        suspend().await;
    }

    async fn right() {
        let mut right_item = read_right_input();
        assert!(poll_once(&mut right_item).await.is_ready());
        RIGHT_WAKER.set(Some(current_waker().await));
        suspend().await;
    }
}

fn read_left_input() -> Operation {
    let reader = LEFT_INPUT_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}

fn read_right_input() -> Operation {
    let reader = RIGHT_INPUT_READER.with_borrow(|reader| reader.clone().unwrap());
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
