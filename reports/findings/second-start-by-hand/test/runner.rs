//@ wasmtime-flags = '-Wcomponent-model-async'

// An export of synchronous type calls `start_task`, to go on with a read once it has returned. The
// read is not ready: what was started is never called back. The context of the thread still holds
// it when the export calls `start_task` a second time, which panics.
include!(env!("BINDINGS"));

use crate::my::test::i::*;
use wit_bindgen::yield_async;

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        let (input, reader) = wit_stream::new();
        prepare(reader);
        start();

        // Everybody lets go.
        drop(input);
        settle().await;
    }
}

/// The component runs until it has nothing to do.
async fn settle() {
    for _ in 0..5 {
        yield_async().await;
    }
}
