// An async export waits in a `block_on`, and an export of synchronous type waits in another. The
// async one goes on first. What it calls lies on the frames of the synchronous one, which still
// waits: its locals have other values afterwards, in safe code.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use wit_bindgen::{StreamReader, StreamWriter, block_on};

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
        in_frame("in-export", || block_on(async {
            let mut left = read_first();
            (&mut left).await;
            drop(SECOND_WRITER.take());
            drop(SECOND_READER.take());
        }));
    }

    fn blocks() {
        in_frame("in-sync", || block_on(async {
            let mut right = read_second();
            (&mut right).await;
        }));
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
