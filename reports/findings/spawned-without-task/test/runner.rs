//@ wasmtime-flags = '-Wcomponent-model-async'

// An export of synchronous type spawns a future. No task is there to run it: it lies in a list
// until another task happens to look there, and if there is none it never runs. Since 0.63.0
// `spawn_local` panics instead.
include!(env!("BINDINGS"));

use crate::my::test::i::*;

struct Component;

export!(Component);

impl Guest for Component {
    async fn run() {
        spawn();
        assert!(spawned_ran());
    }
}
