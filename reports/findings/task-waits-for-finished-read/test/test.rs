// A read is started in an export and finished in a nested `block_on`. The export's task keeps an
// entry for it. When its future is done it waits for that entry,
// which nothing will ever report.
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
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    async fn exported() {
        let mut read = read_input();
        assert!(poll_once(&mut read).await.is_pending());
        block_on(async {
            assert!(poll_once(&mut read).await.is_pending());
        });
        assert!(poll_once(&mut read).await.is_ready());
    }

    async fn let_go() {
        drop(INPUT_READER.take());
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
