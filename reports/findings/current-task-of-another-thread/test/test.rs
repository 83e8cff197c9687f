// An async export waits in a `block_on`, an export of synchronous type in a `block_on` within a
// `block_on`. The async one goes on first, and finds the other's outer `block_on` as the current
// task. Its read is registered there, and its own task has nothing to wait for.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wit_bindgen::{StreamReader, block_on};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static FIRST_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static SECOND_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(first: StreamReader<u8>, second: StreamReader<u8>) {
        FIRST_READER.set(Some(Rc::new(RefCell::new(first))));
        SECOND_READER.set(Some(Rc::new(RefCell::new(second))));
    }

    async fn exported() {
        let mut left = read_first();
        assert!(poll_once(&mut left).await.is_pending());
        block_on(async {
            assert!(poll_once(&mut left).await.is_pending());
        });
        assert!(poll_once(&mut left).await.is_ready());
        let mut left = read_first();
        (&mut left).await;
    }

    fn blocks() {
        block_on(async {
            block_on(async {
                let mut right = read_second();
                (&mut right).await;
            });
        });
    }
}

fn read_first() -> Operation {
    let reader = FIRST_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}

fn read_second() -> Operation {
    let reader = SECOND_READER.with_borrow(|reader| reader.clone().unwrap());
    Box::pin(async move {
        let _ = reader.borrow_mut().read(Vec::with_capacity(1)).await;
    })
}

/// Polls once, with the waker of the future that runs.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await
}
