// An export of synchronous type spawns a future. No task is current there, so nobody can take it:
// since 0.63.0 `spawn_local` panics, where older releases put it into a list which perhaps
// nobody reads.
include!(env!("BINDINGS"));

use wit_bindgen::spawn_local;

struct Component;

export!(Component);

impl crate::exports::my::test::i::Guest for Component {
    fn spawn() {
        spawn_local(async {
        });
    }
}
