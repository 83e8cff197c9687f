//@ wasmtime-flags = '-Wcomponent-model-async'

// A `FutureWriter` that is dropped writes its default value in the background. In an export of
// synchronous type no task is current, nobody waits for that write, and to register it panics
// (bytecodealliance/wit-bindgen, issue 1610).
include!(env!("BINDINGS"));

use crate::my::test::i::*;
use wit_bindgen::yield_async;

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        let promise = prepare();
        drop_promise();

        // Everybody lets go.
        drop(promise);
        settle().await;
    }
}

/// The component runs until it has nothing to do.
async fn settle() {
    for _ in 0..5 {
        yield_async().await;
    }
}
