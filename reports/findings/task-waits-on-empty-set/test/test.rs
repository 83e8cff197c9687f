// `left` is done, but a read that it started is in shared storage, so its task waits for it.
// `right` polls that read, which moves it to the task of `right`. The task of `left` then waits
// on an empty set: nothing is left that could ever end it.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wit_bindgen::{StreamReader, yield_async};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static READ: Slot<Operation> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    async fn left() {
        let mut read = read_input();
        assert!(poll_once(&mut read).await.is_pending());
        READ.set(Some(read));
    }

    async fn right() {
        let mut read = READ.take().unwrap();
        assert!(poll_once(&mut read).await.is_pending());
        READ.set(Some(read));
    }

    async fn let_go() {
        drop(INPUT_READER.take());
        // Whoever waits is told, before the operations go.
        for _ in 0..5 {
            yield_async().await;
        }
        drop(READ.take());
    }

    fn handles() -> u32 {
        // As many sets as fill every hole of the table: the last index is the size of it then.
        let sets: Vec<u32> = (0..100).map(|_| unsafe { waitable_set_new() }).collect();
        let size = *sets.iter().max().unwrap();
        for set in sets {
            unsafe { waitable_set_drop(set) };
        }
        size - 100
    }
}

// The bindings cannot tell what is left in the component's table of handles.
#[link(wasm_import_module = "$root")]
extern "C" {
    #[link_name = "[waitable-set-new]"]
    fn waitable_set_new() -> u32;
    #[link_name = "[waitable-set-drop]"]
    fn waitable_set_drop(set: u32);
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
