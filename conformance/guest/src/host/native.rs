//! The builtins of a host that Wakeproof plays: it answers every call with the result.

use super::threads::{suspend, task};
use crate::shared::Shared;
use crate::wire::{ask, number};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The context of each component model task.
static CONTEXTS: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
thread_local! {
    /// The context of a thread that is no task: that of an export of synchronous type.
    static CONTEXT: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
}

/// The context of what runs.
fn context() -> &'static AtomicUsize {
    match task() {
        0 => CONTEXT.with(|context| *context),
        task => &CONTEXTS[task],
    }
}

/// Which waitable is in which set: the one thing that the driver keeps of the host, so that it can
/// say by itself where a host must trap for it.
static JOINED: Shared<BTreeMap<u32, u32>> = Shared::new(BTreeMap::new());

/// A reader goes to a peer.
pub fn hand_out(_channel: u32, _future: bool, _handle: u32) {}

/// The handle of a reader that comes from a peer: Wakeproof names it.
pub fn take_in(_channel: u32, _future: bool, handle: u32) -> u32 {
    handle
}

/// A reader goes to another component.
pub fn hand_over(_channel: u32, _future: bool, handle: u32) {
    effect("lift", &[handle]);
}

/// The handle of a reader that comes back: Wakeproof names it.
pub fn take_back(_channel: u32, _future: bool, handle: u32) -> u32 {
    handle
}

fn call(name: &str, arguments: &[u32]) -> Vec<String> {
    let mut line = format!("call {name}");
    for argument in arguments {
        line.push_str(&format!(" {argument}"));
    }
    if traps(name, arguments) {
        line.push_str(" trap");
    }
    ask(&line)
}

/// Whether the host traps because of who is in which set: a set is dropped with members, or a
/// copy or call is cancelled synchronously while it is in one.
fn traps(name: &str, arguments: &[u32]) -> bool {
    JOINED.with(|joined| match (name, arguments) {
        ("waitable.join", &[waitable, 0]) => {
            joined.remove(&waitable);
            false
        }
        ("waitable.join", &[waitable, set]) => {
            joined.insert(waitable, set);
            false
        }
        ("waitable-set.drop", &[set]) => joined.values().any(|&other| other == set),
        (_, &[waitable]) if name.contains(".cancel") => joined.contains_key(&waitable),
        (_, &[waitable]) if name.contains(".drop") => {
            joined.remove(&waitable);
            false
        }
        _ => false,
    })
}

fn value(name: &str, arguments: &[u32]) -> u32 {
    number(&call(name, arguments), 1)
}

fn effect(name: &str, arguments: &[u32]) {
    call(name, arguments);
}

/// Two handles, the readable end in the low half.
fn ends(name: &str) -> u64 {
    let answer = call(name, &[]);
    u64::from(number(&answer, 1)) | u64::from(number(&answer, 2)) << 32
}

/// An event: its code, and its payload in `payload`.
fn event(name: &str, set: u32, payload: *mut [u32; 2]) -> u32 {
    let answer = call_that_waits(name, set);
    unsafe { *payload = [number(&answer, 2), number(&answer, 3)] };
    number(&answer, 1)
}

/// If the host answers `suspend` it is asked again once the thread goes on.
fn call_that_waits(name: &str, handle: u32) -> Vec<String> {
    let mut answer = call(name, &[handle]);
    while answer[0] == "suspend" {
        suspend(handle);
        answer = call(name, &[handle]);
    }
    answer
}

macro_rules! builtins {
    ($($symbol:literal $name:ident ($($argument:ident : $kind:ty),*) $(-> $result:ty)? $body:block)*) => {
        $(
            #[unsafe(export_name = $symbol)]
            extern "C" fn $name($($argument: $kind),*) $(-> $result)? $body
        )*
    };
}

builtins! {
    "[waitable-set-new]" set_new() -> u32 { value("waitable-set.new", &[]) }
    "[waitable-set-drop]" set_drop(set: u32) { effect("waitable-set.drop", &[set]) }
    "[waitable-join]" join(waitable: u32, set: u32) { effect("waitable.join", &[waitable, set]) }
    "[waitable-set-wait]" set_wait(set: u32, payload: *mut [u32; 2]) -> u32 {
        event("waitable-set.wait", set, payload)
    }
    "[waitable-set-poll]" set_poll(set: u32, payload: *mut [u32; 2]) -> u32 {
        event("waitable-set.poll", set, payload)
    }
    "[subtask-cancel]" subtask_cancel(handle: u32) -> u32 {
        number(&call_that_waits("subtask.cancel", handle), 1)
    }
    "[subtask-drop]" subtask_drop(handle: u32) { effect("subtask.drop", &[handle]) }
    "[task-cancel]" task_cancel() { effect("task.cancel", &[]) }
    "[context-get-0]" context_get() -> *mut u8 {
        let context = context().load(Relaxed);
        effect("context.get", &[u32::from(context != 0)]);
        context as *mut u8
    }
    "[context-set-0]" context_set(context: *mut u8) {
        self::context().store(context as usize, Relaxed);
        effect("context.set", &[u32::from(!context.is_null())]);
    }
    // the releases name it, but nothing here allocates through it
    "cabi_realloc" cabi_realloc(_old: *mut u8, _old_len: usize, _align: usize, _len: usize) -> *mut u8 {
        unreachable!("cabi_realloc is called")
    }
    // the runtime's own stream<()>, for wakeups between tasks
    "[stream-new-unit]" unit_new() -> u64 { stream_new() }
    "[async-lower][stream-write-unit]" unit_write(stream: u32, from: *const u8, amount: usize) -> u32 {
        stream_write(stream, from, amount)
    }
    "[async-lower][stream-read-unit]" unit_read(stream: u32, into: *mut u8, amount: usize) -> u32 {
        stream_read(stream, into, amount)
    }
    "[stream-cancel-read-unit]" unit_cancel_read(stream: u32) -> u32 { stream_cancel_read(stream) }
    "[stream-cancel-write-unit]" unit_cancel_write(stream: u32) -> u32 { stream_cancel_write(stream) }
    "[stream-drop-readable-unit]" unit_drop_readable(stream: u32) { stream_drop_readable(stream) }
    "[stream-drop-writable-unit]" unit_drop_writable(stream: u32) { stream_drop_writable(stream) }
}

// what generated bindings would import

pub fn task_return() {
    effect("task.return", &[]);
}

pub fn call_import() -> u32 {
    value("call-import", &[])
}

pub extern "C" fn stream_new() -> u64 {
    ends("stream.new")
}

pub extern "C" fn stream_write(stream: u32, _: *const u8, amount: usize) -> u32 {
    value("stream.write", &[stream, amount as u32])
}

pub extern "C" fn stream_read(stream: u32, _: *mut u8, amount: usize) -> u32 {
    value("stream.read", &[stream, amount as u32])
}

pub extern "C" fn stream_cancel_write(stream: u32) -> u32 {
    value("stream.cancel-write", &[stream])
}

pub extern "C" fn stream_cancel_read(stream: u32) -> u32 {
    value("stream.cancel-read", &[stream])
}

pub extern "C" fn stream_drop_writable(stream: u32) {
    effect("stream.drop-writable", &[stream]);
}

pub extern "C" fn stream_drop_readable(stream: u32) {
    effect("stream.drop-readable", &[stream]);
}

pub extern "C" fn future_new() -> u64 {
    ends("future.new")
}

pub extern "C" fn future_write(future: u32, _: *const u8) -> u32 {
    value("future.write", &[future])
}

pub extern "C" fn future_read(future: u32, _: *mut u8) -> u32 {
    value("future.read", &[future])
}

pub extern "C" fn future_cancel_write(future: u32) -> u32 {
    value("future.cancel-write", &[future])
}

pub extern "C" fn future_cancel_read(future: u32) -> u32 {
    value("future.cancel-read", &[future])
}

pub extern "C" fn future_drop_writable(future: u32) {
    effect("future.drop-writable", &[future]);
}

pub extern "C" fn future_drop_readable(future: u32) {
    effect("future.drop-readable", &[future]);
}
