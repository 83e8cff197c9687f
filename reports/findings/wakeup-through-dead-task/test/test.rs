// `waiting` keeps its waker, and `polling` takes its read over. While it is cancelled, `polling`
// polls the read with the waker of `waiting`, and ends. The item comes, and its event waits in
// the set of the dead task: `waiting` is never woken.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use wit_bindgen::StreamReader;

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static READ: Slot<Operation> = const { Slot::new(None) };
    static WAITING_WAKER: Slot<Waker> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    async fn waiting() {
        let mut read = read_input();
        assert!(poll_once(&mut read).await.is_pending());
        READ.set(Some(read));
        WAITING_WAKER.set(Some(current_waker().await));
        suspend().await;
    }

    async fn polling() {
        let cleanup = OnDrop(|| {
            let waker = WAITING_WAKER.with_borrow(|waker| waker.clone().unwrap());
            let mut read = READ.take().unwrap();
            assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            READ.set(Some(read));
        });
        let mut read = READ.take().unwrap();
        assert!(poll_once(&mut read).await.is_pending());
        READ.set(Some(read));
        suspend().await;
        std::mem::forget(cleanup);
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

/// What is done where a future is dropped before it is done.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)()
    }
}
