// Keeps the readers that the test hands over, until the test takes them back or the runner has them
// dropped.
include!(env!("BINDINGS"));

use std::cell::RefCell;
use wit_bindgen::StreamReader;

struct Component;

export!(Component);

thread_local! {
    static INPUT: RefCell<Option<StreamReader<u8>>> = const { RefCell::new(None) };
}

impl crate::exports::my::test::calls::Guest for Component {
    fn hand_over_input(reader: StreamReader<u8>) {
        INPUT.set(Some(reader));
    }

    fn take_input_back() -> StreamReader<u8> {
        INPUT.take().unwrap()
    }
}

impl crate::exports::my::test::control::Guest for Component {
    fn drop_input() {
        drop(INPUT.take());
    }
}
