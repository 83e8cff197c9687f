// What the test calls: each call waits at a gate that the runner has, or returns at once without
// one; while it is on hold none starts.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use wit_bindgen::{FutureReader, backpressure_dec, backpressure_inc};

struct Component;

export!(Component);

thread_local! {
    static GATE: RefCell<Option<FutureReader<()>>> = const { RefCell::new(None) };
}

impl crate::exports::my::test::calls::Guest for Component {
    async fn work() {
        if let Some(gate) = GATE.take() {
            gate.await
        }
    }
}

impl crate::exports::my::test::control::Guest for Component {
    fn expect(gate: FutureReader<()>) {
        GATE.set(Some(gate));
    }

    fn hold(on: bool) {
        if on {
            backpressure_inc();
        } else {
            backpressure_dec();
        }
    }
}
