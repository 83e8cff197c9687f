// A program leaks a reader with `mem::forget`, which is safe. Its handle stays in the table of the
// instance, and whoever writes at the other end waits for a reader that is there
// and never reads.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use wit_bindgen::StreamReader;

struct Component;

export!(Component);

type Slot<T> = RefCell<Option<T>>;

thread_local! {
    static INPUT_READER: Slot<StreamReader<u8>> = const { Slot::new(None) };
}

impl crate::exports::my::test::i::Guest for Component {
    fn prepare(input: StreamReader<u8>) {
        INPUT_READER.set(Some(input));
    }

    async fn exported() {
        std::mem::forget(INPUT_READER.take());
    }

    async fn let_go() {
        drop(INPUT_READER.take());
    }

    fn handles() -> u32 {
        // As many sets as fill every hole of the table: the last index is the size of it then.
        let sets: Vec<u32> = (0..100).map(|_| unsafe { waitable_set_new() }).collect();
        let size = *sets.iter().max().unwrap();
        for set in sets {
            unsafe { waitable_set_drop(set) };
        }
        size - 100
    }
}

// The bindings cannot tell what is left in the component's table of handles.
#[link(wasm_import_module = "$root")]
extern "C" {
    #[link_name = "[waitable-set-new]"]
    fn waitable_set_new() -> u32;
    #[link_name = "[waitable-set-drop]"]
    fn waitable_set_drop(set: u32);
}
