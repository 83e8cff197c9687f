//@ wasmtime-flags = '-Wcomponent-model-async'

// An export of synchronous type spawns a future. No task is current there, so nobody can take it:
// since 0.63.0 `spawn_local` panics, where older releases put it into a list which perhaps
// nobody reads.
include!(env!("BINDINGS"));

use crate::my::test::i::*;

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        spawn();
    }
}
