// An export of synchronous type spawns a future. No task is there to run it: it lies in a list
// until another task happens to look there, and if there is none it never runs. Since 0.63.0
// `spawn_local` panics instead.
include!(env!("BINDINGS"));

use std::cell::Cell;
use wit_bindgen::spawn_local;

struct Component;

export!(Component);

thread_local! {
    static SPAWNED_RAN: Cell<bool> = const { Cell::new(false) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn spawn() {
        spawn_local(async {
            SPAWNED_RAN.set(true);
        });
    }

    fn spawned_ran() -> bool {
        SPAWNED_RAN.get()
    }
}
