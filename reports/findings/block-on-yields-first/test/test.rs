// `block_on` runs a future that yields before any operation was started. The set that is polled
// between two turns is made with the first operation, so there is none yet,
// and `block_on` panics.
include!(env!("BINDINGS"));

use wit_bindgen::{block_on, yield_async};

struct Component;

export!(Component);

impl crate::exports::my::test::i::Guest for Component {
    async fn exported() {
        block_on(async {
            yield_async().await;
        });
    }
}
