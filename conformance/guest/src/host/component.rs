//! The builtins that generated bindings would import from a real host: those of a stream and a
//! future of bytes, a call, and the ends of channels that go to peers and come from them.

use crate::wire::tell;

macro_rules! builtins {
    ($($symbol:literal $name:ident ($($argument:ident : $kind:ty),*) $(-> $result:ty)?;)*) => {
        mod import {
            #[link(wasm_import_module = "wakeproof")]
            unsafe extern "C" {
                $(#[link_name = $symbol] pub fn $name($($argument: $kind),*) $(-> $result)?;)*
            }
        }

        $(pub extern "C" fn $name($($argument: $kind),*) $(-> $result)? {
            unsafe { import::$name($($argument),*) }
        })*
    };
}

builtins! {
    "task.return" task_return();
    "call-import" call_import() -> u32;
    "stream.new" stream_new() -> u64;
    "stream.read" stream_read(stream: u32, into: *mut u8, amount: usize) -> u32;
    "stream.write" stream_write(stream: u32, from: *const u8, amount: usize) -> u32;
    "stream.cancel-read" stream_cancel_read(stream: u32) -> u32;
    "stream.cancel-write" stream_cancel_write(stream: u32) -> u32;
    "stream.drop-readable" stream_drop_readable(stream: u32);
    "stream.drop-writable" stream_drop_writable(stream: u32);
    "future.new" future_new() -> u64;
    "future.read" future_read(future: u32, into: *mut u8) -> u32;
    "future.write" future_write(future: u32, from: *const u8) -> u32;
    "future.cancel-read" future_cancel_read(future: u32) -> u32;
    "future.cancel-write" future_cancel_write(future: u32) -> u32;
    "future.drop-readable" future_drop_readable(future: u32);
    "future.drop-writable" future_drop_writable(future: u32);
    "give-stream" give_stream(channel: u32, reader: u32);
    "give-future" give_future(channel: u32, reader: u32);
    "return-stream" return_stream(channel: u32) -> u32;
    "return-future" return_future(channel: u32) -> u32;
    "take-stream" take_stream(channel: u32) -> u32;
    "take-future" take_future(channel: u32) -> u32;
}

/// An export was called: the host has made a thread for it.
pub fn call_export(_: usize, export: impl FnOnce() -> String) -> String {
    export()
}

/// A reader goes to a peer.
pub fn hand_out(channel: u32, future: bool, handle: u32) {
    if future { give_future(channel, handle) } else { give_stream(channel, handle) }
}

/// Where the peers keep the readers that were handed over: behind those of all channels.
const HANDED: u32 = 64;

/// A reader goes to another component.
pub fn hand_over(channel: u32, future: bool, handle: u32) {
    tell(&format!("call lift {handle}"));
    hand_out(channel + HANDED, future, handle);
}

/// The handle of a reader that comes back.
pub fn take_back(channel: u32, future: bool, _: u32) -> u32 {
    let place = channel + HANDED;
    let handle = if future { return_future(place) } else { return_stream(place) };
    tell(&format!("taken {channel} {handle}"));
    handle
}

/// The handle of a reader that comes from a peer.
pub fn take_in(channel: u32, future: bool, _: u32) -> u32 {
    let handle = if future { take_future(channel) } else { take_stream(channel) };
    tell(&format!("taken {channel} {handle}"));
    handle
}
