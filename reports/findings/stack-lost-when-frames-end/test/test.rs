// An async export waits in a `block_on`, and an export of synchronous type waits in another. The
// async one goes on first and returns. When the synchronous one returns, the stack pointer is set
// to where it was called, above frames that are gone: the stack is used up after some turns.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wit_bindgen::{StreamReader, StreamWriter, block_on, yield_async};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static FIRST_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static SECOND_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static SECOND_WRITER: Slot<Rc<RefCell<StreamWriter<u8>>>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(first: StreamReader<u8>) {
        FIRST_READER.set(Some(Rc::new(RefCell::new(first))));
        let (writer, reader) = wit_stream::new();
        SECOND_WRITER.set(Some(Rc::new(RefCell::new(writer))));
        SECOND_READER.set(Some(Rc::new(RefCell::new(reader))));
    }

    async fn exported() {
        in_wide_frame(|| block_on(async {
            let mut left = read_first();
            (&mut left).await;
        }));
        assert!(poll_once(&mut write_second()).await.is_ready());
        yield_async().await;
    }

    fn blocks() {
        in_wide_frame(|| block_on(async {
            let mut right = read_second();
            (&mut right).await;
        }));
    }

    fn stack_pointer() -> u32 {
        let local = 0u8;
        black_box(&local) as *const u8 as usize as u32
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

fn write_second() -> Operation {
    let writer = SECOND_WRITER.with_borrow(|writer| writer.clone().unwrap());
    Box::pin(async move {
        let _ = writer.borrow_mut().write(vec![1]).await;
    })
}

/// Polls once, with the waker of the future that runs.
async fn poll_once(operation: &mut Operation) -> Poll<()> {
    poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await
}

/// Waits in a frame which is so large that nobody reaches what is above or below it.
#[inline(never)]
fn in_wide_frame(wait: impl FnOnce()) {
    let room = [black_box(1u8); 16 * 1024];
    wait();
    black_box(&room);
}
