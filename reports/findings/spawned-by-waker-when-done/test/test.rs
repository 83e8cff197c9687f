// An export puts a call into shared storage and returns. The waker of the call is the program's
// own and spawns, as the queue of `async_task` in a port of `wstd` does. When the call returns the
// waker runs, and an assertion says that nothing can have been spawned.
include!(env!("BINDINGS"));

use crate::my::test::calls::work;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use wit_bindgen::spawn_local;

struct Component;

export!(Component);

type Operation = Pin<Box<dyn Future<Output = ()>>>;
type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static CALL: Slot<Operation> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    async fn exported() {
        let waker = waker_that_runs(|| {
            spawn_local(async {
            });
        });
        let mut call = Box::pin(work()) as Operation;
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        CALL.set(Some(call));
    }
}

/// A waker of the program's own.
fn waker_that_runs(code: fn()) -> Waker {
    Arc::new(Runs(code)).into()
}

struct Runs(fn());

impl Wake for Runs {
    fn wake(self: Arc<Self>) {
        (self.0)()
    }
}
