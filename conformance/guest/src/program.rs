//! The program: one future that reads commands at every poll and in its destructor, and a waker that
//! does when it is woken.
//!
//! What it works on (operations, the ends of channels, wakers) lives in one place for all futures:
//! Wakeproof keeps track of the owners. Every prompt is a line `at PLACE ...`, every answer a
//! command. At the place `idle` no export runs: `at idle CODE` after one that returned, `at idle
//! suspended` after one that waits in the host.
//!
//! ```text
//! import RELEASE                        the release whose operations the program uses
//! open CHANNEL stream|future both|away  make a channel; `away`: its reader goes to a peer
//! receive CHANNEL stream|future HANDLE  a reader that came from a peer
//! hand-over CHANNEL stream|future       a reader goes to another component
//! take-back CHANNEL stream|future HANDLE
//! make OPERATION KIND CHANNEL ITEMS     make an operation, and do not poll it
//! poll OPERATION WAKER keep|free KIND CHANNEL ITEMS
//! cancel OPERATION keep|free KIND CHANNEL
//! drop OPERATION, forget OPERATION
//! drop-end CHANNEL read|write, forget-end CHANNEL read|write
//! keep FUTURE, unkeep FUTURE, wake FUTURE, wake-self
//! block-on RELEASE FUTURE
//! start-by-hand RELEASE FUTURE          `start_task` in an export of synchronous type
//! spawn FUTURE keep|detach              keep the handle, if there is one
//! abort FUTURE, detach FUTURE           cancel through the handle; drop it
//! join FUTURE                           poll the handle, dropped once it is ready
//! start RELEASE TASK FUTURE             call an async export
//! callback RELEASE TASK EVENT WAITABLE CODE
//! sync                                  call an export of synchronous type
//! resume SET                            the thread that waits on this set asks again
//! pending, ready, done                  leave the prompt
//! ```

use crate::fence;
use crate::host;
use crate::releases::{Body, End, Join, Operation, release};
use crate::shared::Shared;
use crate::wire;
use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

struct Program {
    import: String,
    operations: BTreeMap<u32, Operation>,
    /// the memory of every slot in which there is or was an operation
    places: BTreeMap<u32, Range<usize>>,
    readers: BTreeMap<u32, Box<dyn End>>,
    writers: BTreeMap<u32, Box<dyn End>>,
    wakers: BTreeMap<u32, Waker>,
    handles: BTreeMap<u32, Box<dyn Join>>,
}

static PROGRAM: Shared<Program> = Shared::new(Program {
    import: String::new(),
    operations: BTreeMap::new(),
    places: BTreeMap::new(),
    readers: BTreeMap::new(),
    writers: BTreeMap::new(),
    wakers: BTreeMap::new(),
    handles: BTreeMap::new(),
});

fn with<R>(f: impl FnOnce(&mut Program) -> R) -> R {
    PROGRAM.with(f)
}

/// The operation whose memory an address is in, `null`, or the address.
pub fn operation_at(address: usize) -> String {
    if address == 0 {
        return "null".into();
    }
    with(|program| match program.places.iter().find(|(_, place)| place.contains(&address)) {
        Some((slot, _)) => format!("operation-{slot}"),
        None => format!("{address:x}"),
    })
}

/// User code of an async export or a `block_on`, or what was spawned.
struct Script {
    future: u32,
    finished: bool,
}

impl Script {
    fn body(future: u32) -> Body {
        Box::pin(Script { future, finished: false })
    }
}

impl Future for Script {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if prompt(&format!("poll {}", self.future), Some(context.waker())) == "ready" {
            self.finished = true;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !self.finished {
            prompt(&format!("drop {}", self.future), None);
        }
    }
}

/// A waker of the program's own: it reads commands when an operation wakes it.
struct ScriptWaker;

impl Wake for ScriptWaker {
    fn wake(self: Arc<Self>) {
        prompt("wake", None);
    }
}

/// Outside of every task: exports are called and called back.
pub fn idle() {
    prompt("idle", None);
}

/// An export of synchronous type, which returns no code.
pub fn sync_export() -> String {
    prompt("sync", None);
    "-".into()
}

/// Run commands until one leaves the prompt; that command.
fn prompt(place: &str, waker: Option<&Waker>) -> String {
    let mut result = String::from("-");
    loop {
        let words = wire::ask(&format!("at {place} {result}"));
        match words[0].as_str() {
            "pending" | "ready" | "done" => return words[0].clone(),
            _ => result = command(&words, waker),
        }
    }
}

/// Run one command; its result, `-` for one without.
pub fn command(words: &[String], waker: Option<&Waker>) -> String {
    let number = |place: usize| wire::number(words, place);
    let import = || release(&with(|program| program.import.clone()));
    match words[0].as_str() {
        "import" => with(|program| program.import = words[1].clone()),
        "open" => {
            let (writer, mut reader) = import().open(words[2] == "future");
            if words[3] == "away" {
                host::hand_out(number(1), words[2] == "future", reader.take_handle());
            }
            with(|program| {
                program.writers.insert(number(1), writer);
                program.readers.insert(number(1), reader)
            });
        }
        "receive" => {
            let future = words[2] == "future";
            let handle = host::take_in(number(1), future, number(3));
            let reader = import().receive(future, handle);
            with(|program| program.readers.insert(number(1), reader));
        }
        "hand-over" => {
            let mut reader = end(number(1), "read");
            host::hand_over(number(1), words[2] == "future", reader.take_handle());
        }
        "take-back" => {
            let future = words[2] == "future";
            let handle = host::take_back(number(1), future, number(3));
            let reader = import().receive(future, handle);
            with(|program| program.readers.insert(number(1), reader));
        }
        "poll" => {
            let noop = Waker::noop().clone();
            let waker = match words[2].as_str() {
                "context" => waker.expect("a future is polled").clone(),
                "noop" => noop,
                "program" => Arc::new(ScriptWaker).into(),
                future => with(|program| program.wakers[&future.parse().unwrap()].clone()),
            };
            let items = words[6].parse().unwrap_or(1);
            return poll(number(1), &waker, words[3] == "keep", &words[4], &words[5], items);
        }
        "make" => {
            let operation = make(number(1), &words[2], &words[3], number(4) as usize);
            with(|program| program.operations.insert(number(1), operation));
        }
        "cancel" => return cancel(number(1), words[2] == "keep", &words[3], number(4)),
        "drop" => {
            let operation = with(|program| program.operations.remove(&number(1)));
            drop(operation.expect("an operation"));
        }
        "forget" => {
            let operation = with(|program| program.operations.remove(&number(1)));
            std::mem::forget(operation.expect("an operation"));
        }
        "drop-end" => drop(end(number(1), &words[2])),
        "forget-end" => std::mem::forget(end(number(1), &words[2])),
        "keep" => {
            let waker = waker.expect("a future is polled").clone();
            with(|program| program.wakers.insert(number(1), waker));
        }
        "unkeep" => drop(with(|program| program.wakers.remove(&number(1)))),
        "wake" => {
            // the waker itself, not a clone: its memory may be freed
            let waker: *const Waker = with(|program| &raw const program.wakers[&number(1)]);
            unsafe { (*waker).wake_by_ref() };
        }
        "wake-self" => waker.expect("a future is polled").wake_by_ref(),
        "block-on" => release(&words[1]).block_on(Script::body(number(2))),
        "start-by-hand" => release(&words[1]).start_by_hand(Script::body(number(2))),
        "spawn" => {
            let handle = import().spawn_local(Script::body(number(1)));
            if let (Some(handle), "keep") = (handle, words[2].as_str()) {
                with(|program| program.handles.insert(number(1), handle));
            }
        }
        "abort" => {
            let mut handle = with(|program| program.handles.remove(&number(1))).expect("a handle");
            handle.cancel();
            with(|program| program.handles.insert(number(1), handle));
        }
        "detach" => drop(with(|program| program.handles.remove(&number(1)))),
        "join" => {
            let mut handle = with(|program| program.handles.remove(&number(1))).expect("a handle");
            let mut context = Context::from_waker(waker.expect("a future is polled"));
            if handle.poll(&mut context) {
                return "ready".into();
            }
            with(|program| program.handles.insert(number(1), handle));
            return "pending".into();
        }
        "start" => {
            let (name, future) = (words[1].clone(), number(3));
            let start = move || release(&name).start_task(Script::body(future)).to_string();
            return host::call_export(number(2) as usize, start);
        }
        "callback" => {
            let (name, event, waitable, code) = (words[1].clone(), number(3), number(4), number(5));
            let callback = move || release(&name).callback(event, waitable, code).to_string();
            return host::call_export(number(2) as usize, callback);
        }
        "sync" => return host::call_export(0, sync_export),
        #[cfg(unix)]
        "resume" => return host::resume(number(1)),
        other => unreachable!("no command {other}"),
    }
    "-".into()
}

/// Take an end out of the storage of the program.
fn end(channel: u32, side: &str) -> Box<dyn End> {
    let end = with(|program| match side {
        "read" => program.readers.remove(&channel),
        _ => program.writers.remove(&channel),
    });
    end.expect("an end")
}

/// Poll an operation, made first if `kind` names one; once it is ready it is dropped unless kept.
fn poll(slot: u32, waker: &Waker, keep: bool, kind: &str, channel: &str, items: usize) -> String {
    let mut operation = match kind {
        "-" => with(|program| program.operations.remove(&slot)).expect("an operation"),
        _ => make(slot, kind, channel, items),
    };
    let result = operation.as_mut().poll(&mut Context::from_waker(waker));
    if result.is_pending() || keep {
        with(|program| program.operations.insert(slot, operation));
    }
    match result {
        Poll::Ready(word) => word,
        Poll::Pending => "pending".into(),
    }
}

/// Cancel an operation and drop it unless it is kept; the end of a future may come back.
fn cancel(slot: u32, keep: bool, kind: &str, channel: u32) -> String {
    let mut operation = with(|program| program.operations.remove(&slot)).expect("an operation");
    let (word, end) = operation.as_mut().cancel();
    if let Some(end) = end {
        with(|program| match kind {
            "read" => program.readers.insert(channel, end),
            _ => program.writers.insert(channel, end),
        });
    }
    if keep {
        with(|program| program.operations.insert(slot, operation));
    }
    word
}

/// Make an operation in the memory of its slot.
fn make(slot: u32, kind: &str, channel: &str, items: usize) -> Operation {
    let operation = fence::place(slot, new(kind, channel, items));
    let start = std::ptr::from_ref(&*operation).cast::<u8>() as usize;
    let place = start..start + size_of_val(&*operation).max(1);
    with(|program| program.places.insert(slot, place));
    operation
}

fn new(kind: &str, channel: &str, items: usize) -> Operation {
    if kind == "call" {
        return release(&with(|program| program.import.clone())).call();
    }
    let channel = channel.parse().expect("a channel");
    with(|program| match kind {
        "read" => program.readers.get_mut(&channel).expect("a reader").operate(items),
        _ => program.writers.get_mut(&channel).expect("a writer").operate(items),
    })
}
