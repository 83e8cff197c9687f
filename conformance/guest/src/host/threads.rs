//! A thread for every call of an export, with a stack of its own: who waits in the host goes on in
//! whatever order Wakeproof says, as on a real host.
//!
//! One of them runs at a time, or else the main thread, which picks the next. A real host does not
//! give a thread of an instance statics of its own: what the releases have in statics is shared
//! here too. Their one `thread_local!` (`TASK_STATE`) is for `target_env = "p3"`; natively, and in
//! the component, they use `context.get` and `context.set` instead.

use crate::shared::Shared;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::thread;

/// The main thread; the others have the numbers from 1 on.
const MAIN: usize = 0;

/// The number of the thread that runs.
static RUNNING: Mutex<usize> = Mutex::new(MAIN);
static PASSED: Condvar = Condvar::new();
static CALLS: Shared<Calls> = Shared::new(Calls { count: 0, suspended: BTreeMap::new() });
/// The code of the call that ended, or `suspended`.
static RESULT: Shared<String> = Shared::new(String::new());

struct Calls {
    count: usize,
    /// which thread waits on a set, or for the callee of a call
    suspended: BTreeMap<u32, usize>,
}

thread_local! {
    static SELF: Cell<usize> = const { Cell::new(MAIN) };
    static TASK: Cell<usize> = const { Cell::new(0) };
}

/// The component model task of the thread that runs, as Wakeproof names it; 0 for one without.
pub fn task() -> usize {
    TASK.get()
}

/// Call an export in a thread of its own; its code, or `suspended`.
pub fn call_export(task: usize, export: impl FnOnce() -> String + Send + 'static) -> String {
    let number = CALLS.with(|calls| {
        calls.count += 1;
        calls.count
    });
    thread::spawn(move || {
        SELF.set(number);
        TASK.set(task);
        await_turn(number);
        let code = export();
        RESULT.with(|result| *result = code);
        pass_to(MAIN);
    });
    run(number)
}

/// The thread that waits on a handle goes on: the code of its call, or `suspended`.
pub fn resume(handle: u32) -> String {
    run(CALLS.with(|calls| calls.suspended.remove(&handle)).expect("a thread that waits on it"))
}

/// The thread that runs waits on a handle, until it is resumed.
pub fn suspend(handle: u32) {
    let before = CALLS.with(|calls| calls.suspended.insert(handle, SELF.get()));
    assert_eq!(before, None, "one thread waits on a handle");
    RESULT.with(|result| *result = "suspended".into());
    pass_to(MAIN);
    await_turn(SELF.get());
}

fn run(number: usize) -> String {
    pass_to(number);
    await_turn(MAIN);
    RESULT.with(std::mem::take)
}

fn pass_to(number: usize) {
    *RUNNING.lock().expect("no thread panics") = number;
    PASSED.notify_all();
}

fn await_turn(number: usize) {
    let running = RUNNING.lock().expect("no thread panics");
    drop(PASSED.wait_while(running, |running| *running != number).expect("no thread panics"));
}
