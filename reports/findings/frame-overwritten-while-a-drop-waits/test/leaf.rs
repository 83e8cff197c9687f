// What the test calls: each call waits at a gate that the runner has, or returns at once without
// one; while it is on hold none starts.
// A call that is cancelled answers when the runner says so, and says right before that it will.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use wit_bindgen::{FutureReader, FutureWriter, backpressure_dec, backpressure_inc, block_on};

struct Component;

export!(Component);

thread_local! {
    static GATE: RefCell<Option<FutureReader<()>>> = const { RefCell::new(None) };
    static SILENT: RefCell<Option<Silent>> = const { RefCell::new(None) };
}

/// Waits when it is dropped.
struct Silent(Option<(FutureReader<()>, FutureWriter<()>)>);

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some((until, answers)) = self.0.take() {
            block_on(async {
                until.await;
                let _ = answers.write(()).await;
            });
        }
    }
}

impl crate::exports::my::test::calls::Guest for Component {
    async fn work() {
        let mut silent = SILENT.take();
        if let Some(gate) = GATE.take() {
            gate.await
        }
        if let Some(silent) = &mut silent {
            silent.0.take();
        }
    }
}

impl crate::exports::my::test::control::Guest for Component {
    fn expect(gate: FutureReader<()>) {
        GATE.set(Some(gate));
    }

    fn stay_silent(until: FutureReader<()>) -> FutureReader<()> {
        let (answers, reader) = wit_future::new(|| ());
        SILENT.set(Some(Silent(Some((until, answers)))));
        reader
    }

    fn hold(on: bool) {
        if on {
            backpressure_inc();
        } else {
            backpressure_dec();
        }
    }
}
