// An async export drops a call whose callee does not answer at once, so the drop waits in the host.
// Before it goes on, an export of synchronous type is called, and waits in a `block_on`. The drop
// goes on first, and what follows it lies on the frames of the other, which still waits.
include!(env!("BINDINGS"));

use crate::my::test::calls::work;
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
    static PIPE_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static PIPE_WRITER: Slot<Rc<RefCell<StreamWriter<u8>>>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare() {
        let (writer, reader) = wit_stream::new();
        PIPE_WRITER.set(Some(Rc::new(RefCell::new(writer))));
        PIPE_READER.set(Some(Rc::new(RefCell::new(reader))));
    }

    async fn exported() {
        yield_async().await;
        let mut call = Box::pin(work()) as Operation;
        assert!(poll_once(&mut call).await.is_pending());
        in_frame("export", || drop(call));
        drop(PIPE_WRITER.take());
        drop(PIPE_READER.take());
    }

    fn blocks() {
        in_frame("in-sync", || block_on(async {
            let mut input = read_pipe();
            (&mut input).await;
        }));
    }

    // Never called: no other function has the bindings make a `wit_stream`.
    fn takes_stream(_: StreamReader<u8>) {}
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

const FRAME: usize = 16 * 1024;

/// Waits with `frame` on the stack, uses the stack as any function may, and looks at `frame`.
fn in_frame(name: &str, wait: impl FnOnce()) {
    let frame = [1u8; FRAME];
    black_box(&frame);
    returns(wait);
    use_stack();
    check_frame(name, black_box(&frame));
}

/// A function of its own: when it returns the stack pointer is that of `in_frame`.
#[inline(never)]
fn returns(wait: impl FnOnce()) {
    wait()
}

#[inline(never)]
fn use_stack() {
    let used = [black_box(2u8); FRAME / 2];
    black_box(&used);
}

#[inline(never)]
fn check_frame(name: &str, frame: &[u8; FRAME]) {
    let changed = frame.iter().filter(|&&byte| byte != 1).count();
    assert!(changed == 0, "{changed} bytes of the frame of `{name}` were overwritten");
}
