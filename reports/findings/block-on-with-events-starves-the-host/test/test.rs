// A `block_on` writes to a stream and reads the other end of it, again and again. Whenever it
// waits its event is there already, so that the wait returns at once,
// and nothing outside runs until it is done.
include!(env!("BINDINGS"));

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wit_bindgen::{StreamReader, StreamWriter, block_on};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static PIPE_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static PIPE_WRITER: Slot<Rc<RefCell<StreamWriter<u8>>>> = const { Slot::new(None) };
    static OUTSIDE_RAN: Cell<bool> = const { Cell::new(false) };
    static TAKEN: Cell<u32> = const { Cell::new(0) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare() {
        let (writer, reader) = wit_stream::new();
        PIPE_WRITER.set(Some(Rc::new(RefCell::new(writer))));
        PIPE_READER.set(Some(Rc::new(RefCell::new(reader))));
    }

    async fn exported() {
        block_on(async {
            let mut first_write = write_pipe();
            assert!(poll_once(&mut first_write).await.is_pending());
            let mut read = read_pipe();
            assert!(poll_once(&mut read).await.is_ready());
            suspend().await;
            assert!(poll_once(&mut first_write).await.is_ready());
            while goes_on() {
                let mut first_write = write_pipe();
                assert!(poll_once(&mut first_write).await.is_pending());
                let mut read = read_pipe();
                assert!(poll_once(&mut read).await.is_ready());
                suspend().await;
                assert!(poll_once(&mut first_write).await.is_ready());
            }
        });
    }

    // Never called: no other function has the bindings make a `wit_stream`.
    fn takes_stream(_: StreamReader<u8>) {}

    fn outside() {
        OUTSIDE_RAN.set(true);
    }

    fn ran_in_time() -> bool {
        TAKEN.get() <= TURNS
    }
}

fn write_pipe() -> Operation {
    let writer = PIPE_WRITER.with_borrow(|writer| writer.clone().unwrap());
    Box::pin(async move {
        let _ = writer.borrow_mut().write(vec![1]).await;
    })
}

fn read_pipe() -> Operation {
    let reader = PIPE_READER.with_borrow(|reader| reader.clone().unwrap());
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

/// How often the loop is taken if nothing outside ends it.
const TURNS: u32 = 1000;

/// Whether the loop goes on: until something outside has run, and not for ever.
fn goes_on() -> bool {
    TAKEN.set(TAKEN.get() + 1);
    !OUTSIDE_RAN.get() && TAKEN.get() <= TURNS
}
