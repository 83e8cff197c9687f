//! What the bindings generator would make: streams and futures of bytes over `host`.

use crate::host;
use std::alloc::Layout;
use wit_bindgen::rt::async_support::{self as rt, FutureVtable, StreamVtable, Subtask};

pub use wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamWriter};

static STREAM: StreamVtable<u8> = StreamVtable {
    layout: Layout::new::<u8>(),
    lower: None,
    dealloc_lists: None,
    lift: None,
    start_write: host::stream_write,
    start_read: host::stream_read,
    cancel_write: host::cancel_copy,
    cancel_read: host::cancel_copy,
    drop_writable: host::drop_end,
    drop_readable: host::drop_end,
    new: host::stream_new,
};

static FUTURE: FutureVtable<u8> = FutureVtable {
    layout: Layout::new::<u8>(),
    lower: |value, to| unsafe { *to = value },
    dealloc_lists: |_| (),
    lift: |from| unsafe { *from },
    start_write: host::future_write,
    start_read: host::future_read,
    cancel_write: host::cancel_copy,
    cancel_read: host::cancel_copy,
    drop_writable: host::drop_end,
    drop_readable: host::drop_end,
    new: host::future_new,
};

pub mod wit_stream {
    use super::*;

    pub fn new() -> (StreamWriter<u8>, StreamReader<u8>) {
        unsafe { rt::stream_new(&STREAM) }
    }
}

pub mod wit_future {
    use super::*;

    pub fn new(default: fn() -> u8) -> (FutureWriter<u8>, FutureReader<u8>) {
        unsafe { rt::future_new(default, &FUTURE) }
    }
}

/// A reader that comes from outside.
pub fn stream_reader(name: &'static str) -> StreamReader<u8> {
    StreamReader::new(host::receive(name, false, 0), &STREAM)
}

/// A reader that comes from outside.
pub fn future_reader(name: &'static str) -> FutureReader<u8> {
    unsafe { FutureReader::new(host::receive(name, true, 0), &FUTURE) }
}

/// Hand a reader over to another component.
pub fn hand_over(handle: u32) {
    host::hand_over(handle);
}

/// Take a reader back that was handed over.
pub fn stream_reader_back(name: &str) -> StreamReader<u8> {
    StreamReader::new(host::take_back(name), &STREAM)
}

/// Take a reader back that was handed over.
pub fn future_reader_back(name: &str) -> FutureReader<u8> {
    unsafe { FutureReader::new(host::take_back(name), &FUTURE) }
}

/// An import without parameters and results.
pub async fn work() {
    Import.call(()).await
}

struct Import;

unsafe impl Subtask for Import {
    type Params = ();
    type ParamsLower = ();
    type Results = ();

    fn abi_layout(&mut self) -> Layout {
        Layout::new::<()>()
    }
    fn results_offset(&mut self) -> usize {
        0
    }
    unsafe fn call_import(&mut self, (): (), _: *mut u8) -> u32 {
        host::call_import()
    }
    unsafe fn params_lower(&mut self, (): (), _: *mut u8) {}
    unsafe fn params_dealloc_lists(&mut self, (): ()) {}
    unsafe fn params_dealloc_lists_and_own(&mut self, (): ()) {}
    unsafe fn results_lift(&mut self, _: *mut u8) {}
}
