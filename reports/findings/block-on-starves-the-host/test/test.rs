// A `block_on` runs a future that yields until something outside has happened: a peer, another
// task, the host. Between two polls nobody outside runs, so that it never happens,
// and the instance spins inside one call.
include!(env!("BINDINGS"));

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wit_bindgen::{StreamReader, block_on, yield_async};

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<Rc<RefCell<StreamReader<u8>>>> = const { Slot::new(None) };
    static OUTSIDE_RAN: Cell<bool> = const { Cell::new(false) };
    static TAKEN: Cell<u32> = const { Cell::new(0) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(Rc::new(RefCell::new(input))));
    }

    async fn exported() {
        block_on(async {
            let mut read = read_input();
            assert!(poll_once(&mut read).await.is_pending());
            while goes_on() {
                yield_async().await;
            }
        });
    }

    fn outside() {
        OUTSIDE_RAN.set(true);
    }

    fn ran_in_time() -> bool {
        TAKEN.get() <= TURNS
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

/// How often the loop is taken if nothing outside ends it.
const TURNS: u32 = 1000;

/// Whether the loop goes on: until something outside has run, and not for ever.
fn goes_on() -> bool {
    TAKEN.set(TAKEN.get() + 1);
    !OUTSIDE_RAN.get() && TAKEN.get() <= TURNS
}
