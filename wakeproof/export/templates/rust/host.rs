//! A small host of the Component Model: just enough of `canon` for one instance, whose tasks,
//! streams and futures of bytes are driven by a fixed sequence of moments. Whatever it does not
//! allow is a trap, and a trap, a panic or a task that can never end is how the program fails.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;
use wit_bindgen::rt::async_support as rt;

/// How long a component may run: one that spins inside a call never comes back to the host.
const LIMIT: Duration = Duration::from_secs(10);

const BLOCKED: u32 = 0xffff_ffff;
const COMPLETED: u32 = 0;
const DROPPED: u32 = 1;
const CANCELLED: u32 = 2;
const EVENT_CANCEL: u32 = 6;
const EVENT_SUBTASK: u32 = 1;

/// How far a call of an import is.
pub const STARTING: u32 = 0;
pub const STARTED: u32 = 1;
pub const RETURNED: u32 = 2;
const CANCELLED_BEFORE_STARTED: u32 = 3;
const CANCELLED_BEFORE_RETURNED: u32 = 4;

/// One thing that happens outside: what it is, in words, and how it is done; `None`: the component
/// runs until it has nothing to do.
pub type Moment = (&'static str, Option<fn()>);

/// A stream or a future. `waiting` is the side that started a copy and waits for the other, and how
/// many items are still free in its buffer, or in it.
#[derive(Default)]
struct Channel {
    name: &'static str,
    future: bool,
    /// the handles of the instance's ends, [reader, writer]; none where an end is outside
    ends: [Option<u32>; 2],
    gone: [bool; 2],
    waiting: Option<(usize, u32)>,
    /// a future's value went over
    written: bool,
    /// how many items the end outside has reported
    items_outside: u32,
}

enum Item {
    Set,
    /// a call of an import, and how far it is: one of `CALL`
    Call(u32),
    /// the channel, and which end of it: 0 reads, 1 writes
    End(usize, usize),
}

struct Entry {
    item: Item,
    set: Option<u32>,
    event: Option<u32>,
    copying: bool,
    done: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Runs,
    Waits(u32),
    Yielded,
    Over,
}

struct Task {
    name: &'static str,
    state: State,
    context: usize,
    resolved: bool,
    /// a cancellation that came while a `block_on` waited
    cancelled: bool,
}

#[derive(Default)]
struct Host {
    table: Vec<Option<Entry>>,
    channels: Vec<Channel>,
    tasks: Vec<Task>,
    /// the task that runs; none in an export of synchronous type
    current: Option<usize>,
    /// an export of synchronous type runs, which may not wait
    sync: bool,
    /// the context of its thread
    context: usize,
    moments: VecDeque<Moment>,
    answers: VecDeque<u32>,
    told: usize,
    /// what happens outside while the component yields inside a call
    while_yields: Option<fn()>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

fn with<R>(f: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(f)
}

unsafe extern "C" {
    /// The end of the process, with no destructor run: the instance may be in any state.
    fn _exit(status: i32) -> !;
}

/// The defect is there: say how it shows, and end.
pub fn fail(what: &str) -> ! {
    eprintln!("FAILED: {what}");
    unsafe { _exit(1) }
}

/// What must hold by now; `means` says what it is if it does not.
pub fn must_hold(check: fn() -> bool, means: &str) {
    if !check() {
        fail(means);
    }
}

/// Go through the moments; afterwards nothing may be left behind, and the `check` must hold.
pub fn run(moments: &[Moment], check: fn() -> bool, means: &str) -> ! {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| {
            // as the crate has it, wherever cargo keeps it
            let file = place.file();
            let start = file.rfind("wit-bindgen-").unwrap_or(0);
            format!(" at {}:{}", &file[start..], place.line())
        });
        let text = panic.payload().downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.payload().downcast_ref::<&str>().copied()).unwrap_or("");
        eprintln!("{}", text.trim());
        fail(&format!("the component panics{}", place.unwrap_or_default()))
    }));
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        fail(&format!("the component spins: it has not ended after {LIMIT:?}"))
    });
    with(|host| host.moments = moments.iter().copied().collect());
    while next_moment() {}
    end();
    must_hold(check, means);
    eprintln!("passed");
    unsafe { _exit(0) }
}

fn next_moment() -> bool {
    let next = with(|host| {
        let next = host.moments.pop_front();
        host.told += usize::from(next.is_some());
        next.map(|(what, how)| (host.told, what, how))
    });
    let Some((number, what, how)) = next else { return false };
    eprintln!("{number:>3} {what}");
    match how {
        Some(how) => how(),
        None => settle(),
    }
    true
}

/// Those outside let go of everything, what is left is cancelled, and then all must be over.
fn end() {
    let_go();
    settle();
    for task in 0..with(|host| host.tasks.len()) {
        if with(|host| !host.tasks[task].resolved && host.tasks[task].state != State::Over) {
            call_back(task, EVENT_CANCEL, 0, 0);
        }
    }
    settle();
    if let Some(what) = with(|host| host.left_behind()) {
        fail(&what);
    }
}

/// The ends outside are dropped, and what was called returns.
fn let_go() {
    while call_progresses() {}
    for channel in 0..with(|host| host.channels.len()) {
        for side in 0..2 {
            with(|host| {
                if host.channels[channel].ends[side].is_none() {
                    host.drop_side(channel, side);
                }
            });
        }
    }
}

impl Host {
    /// What nobody will ever come back for.
    fn left_behind(&self) -> Option<String> {
        for task in self.tasks.iter().filter(|task| task.state != State::Over) {
            let wait = match task.state {
                State::Waits(set) if !self.has_members(set) => "waits on an empty set",
                State::Yielded => "runs again and again",
                _ => "waits for what cannot come",
            };
            return Some(format!("the task of `{}` never ends: it {wait}", task.name));
        }
        let entry = self.table.iter().flatten().find(|entry| entry.set.is_some())?;
        let name = match entry.item {
            Item::End(channel, _) => self.channels[channel].name,
            _ => "a call",
        };
        let what = match entry.event {
            Some(_) => format!("an event of `{name}` is never delivered: it"),
            None => format!("`{name}` is left behind: it"),
        };
        Some(format!("{what} is in a set that no task waits for"))
    }

    fn has_members(&self, set: u32) -> bool {
        self.table.iter().flatten().any(|entry| entry.set == Some(set))
    }

    fn has_event(&self, set: u32) -> bool {
        self.table.iter().flatten().any(|entry| entry.set == Some(set) && entry.event.is_some())
    }

    fn add(&mut self, item: Item) -> u32 {
        let entry = Entry { item, set: None, event: None, copying: false, done: false };
        let free = self.table.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.table.push(None);
            self.table.len() - 1
        });
        self.table[place] = Some(entry);
        place as u32 + 1
    }

    fn at(&mut self, handle: u32) -> &mut Entry {
        let entry = self.table.get_mut((handle as usize).wrapping_sub(1)).and_then(Option::as_mut);
        entry.unwrap_or_else(|| fail(&format!("the host traps: {handle} is no handle")))
    }

    fn end_of(&mut self, handle: u32) -> (usize, usize) {
        match self.at(handle).item {
            Item::End(channel, side) => (channel, side),
            _ => fail(&format!("the host traps: {handle} is no end of a stream or future")),
        }
    }

    /// How many items went over, as a future counts none.
    fn code(&self, channel: usize, kind: u32, items: u32) -> u32 {
        if self.channels[channel].future { kind } else { kind | items << 4 }
    }

    /// `stream.read`, `stream.write` and those of futures.
    fn copy(&mut self, handle: u32, items: u32) -> u32 {
        let (channel, side) = self.end_of(handle);
        let name = self.channels[channel].name;
        if self.at(handle).done {
            fail(&format!("the host traps: `{name}` is used again after the other end was dropped"));
        }
        if self.at(handle).copying {
            fail(&format!("the host traps: a copy of `{name}` is under way"));
        }
        if self.channels[channel].gone[1 - side] && !self.channels[channel].written {
            self.at(handle).done = true;
            return self.code(channel, DROPPED, 0);
        }
        let copied = self.meet(channel, side, items);
        if copied > 0 {
            self.at(handle).done = self.channels[channel].future;
            return self.code(channel, COMPLETED, copied);
        }
        self.at(handle).copying = true;
        BLOCKED
    }

    /// If the other side waits items go over, and this is how many. Otherwise this side waits.
    fn meet(&mut self, channel: usize, side: usize, items: u32) -> u32 {
        let Some((_, room)) = self.channels[channel].waiting.filter(|w| w.0 != side && w.1 > 0) else {
            self.channels[channel].waiting = Some((side, items));
            return 0;
        };
        let copied = items.min(room);
        let other = self.channels[channel].ends[1 - side];
        if other.is_none() || self.channels[channel].ends[side].is_none() {
            self.channels[channel].items_outside += copied;
        }
        // a buffer of the instance may get more items until its event is delivered
        let left = other.filter(|_| !self.channels[channel].future).map(|_| (1 - side, room - copied));
        self.channels[channel].waiting = left;
        self.channels[channel].written = self.channels[channel].future;
        if let Some(other) = other {
            let progress = self.progress(other) + copied;
            self.at(other).event = Some(self.code(channel, COMPLETED, progress));
        }
        copied
    }

    /// How many items an event that was not delivered yet has.
    fn progress(&mut self, handle: u32) -> u32 {
        self.at(handle).event.map_or(0, |code| code >> 4)
    }

    /// A copy of the instance is over, and its buffer is its own again.
    fn take_buffer_back(&mut self, handle: u32) {
        let (channel, side) = self.end_of(handle);
        if self.channels[channel].waiting.is_some_and(|(it, _)| it == side) {
            self.channels[channel].waiting = None;
        }
    }

    fn drop_side(&mut self, channel: usize, side: usize) {
        if self.channels[channel].gone[side] {
            return;
        }
        self.channels[channel].gone[side] = true;
        self.channels[channel].waiting = None;
        let Some(other) = self.channels[channel].ends[1 - side] else { return };
        if self.at(other).copying && !self.channels[channel].written {
            let progress = self.progress(other);
            self.at(other).event = Some(self.code(channel, DROPPED, progress));
        }
    }

    /// Take the first event of a set: its kind, the handle and the payload.
    fn take_event(&mut self, set: u32) -> Option<(u32, u32, u32)> {
        let place = self.table.iter().position(|entry| {
            entry.as_ref().is_some_and(|e| e.set == Some(set) && e.event.is_some())
        })?;
        let handle = place as u32 + 1;
        if let Item::Call(_) = self.at(handle).item {
            let state = self.at(handle).event.take()?;
            return Some((EVENT_SUBTASK, handle, state));
        }
        let (channel, side) = self.end_of(handle);
        self.take_buffer_back(handle);
        let future = self.channels[channel].future;
        let entry = self.at(handle);
        let code = entry.event.take()?;
        entry.copying = false;
        entry.done = code & 0xf == DROPPED || future && code & 0xf == COMPLETED;
        Some((2 + side as u32 + if future { 2 } else { 0 }, handle, code))
    }
}

// --- what happens outside ---------------------------------------------------------------------

/// What happens outside as soon as the component yields inside a call.
pub fn while_it_yields(what: fn()) {
    with(|host| host.while_yields = Some(what));
}

/// Call an async export.
pub fn call<F: Future<Output = ()> + 'static>(name: &'static str, export: fn() -> F) {
    let task = with(|host| {
        host.tasks.push(Task {
            name,
            state: State::Runs,
            context: 0,
            resolved: false,
            cancelled: false,
        });
        host.tasks.len() - 1
    });
    enter(Some(task), || {
        let code = rt::start_task(async move {
            let cancel = rt::TaskCancelOnDrop::new();
            export().await;
            cancel.forget();
            resolve();
        });
        answer(task, code as u32);
    });
}

/// Call an export of synchronous type.
pub fn call_sync(export: fn()) {
    let before = with(|host| {
        (std::mem::replace(&mut host.sync, true), std::mem::take(&mut host.context))
    });
    enter(None, export);
    with(|host| (host.sync, host.context) = before);
}

/// Call an export of asynchronous type that is lifted synchronously: it may wait.
pub fn call_lifted(export: fn()) {
    let before = with(|host| std::mem::replace(&mut host.sync, false));
    enter(None, export);
    with(|host| host.sync = before);
}

/// Cancel a call that has not returned.
pub fn cancel(name: &'static str) {
    let task = with(|host| host.tasks.iter().position(|t| t.name == name && !t.resolved));
    // one that has returned in spite of all cannot be cancelled any more
    let Some(task) = task else { return };
    if with(|host| host.current.is_some()) {
        // while a `block_on` waits nobody is called back: it is told once it waits or yields
        with(|host| host.tasks[task].cancelled = true);
    } else {
        call_back(task, EVENT_CANCEL, 0, 0);
    }
}

/// The component runs until it has nothing to do, or does nothing but yield.
pub fn settle() {
    for _ in 0..100 {
        let next = with(|host| {
            (0..host.tasks.len()).find_map(|task| match host.tasks[task].state {
                State::Yielded => Some((task, (0, 0, 0))),
                State::Waits(set) => host.take_event(set).map(|event| (task, event)),
                _ => None,
            })
        });
        let Some((task, (event, handle, code))) = next else { return };
        call_back(task, event, handle, code);
    }
}

/// The end outside, of a channel, writes (1) or reads (0) an item.
pub fn peer_copies(name: &str, side: usize) {
    with(|host| {
        let channel = host.channels.iter().position(|c| c.name == name).expect("a channel");
        host.meet(channel, side, 1);
    });
}

/// What the instance called by an import starts, or returns; whether there was such a call.
pub fn call_progresses() -> bool {
    with(|host| {
        let call = |entry: &&mut Entry| matches!(entry.item, Item::Call(STARTING | STARTED));
        let Some(entry) = host.table.iter_mut().flatten().find(call) else { return false };
        let Item::Call(state) = &mut entry.item else { unreachable!() };
        *state += 1;
        entry.event = Some(*state);
        true
    })
}

/// How far the calls of imports come at once, in their order.
pub fn answers(states: &[u32]) {
    with(|host| host.answers = states.iter().copied().collect());
}

/// Call an import: how far it comes at once, and its handle if there is more to come.
pub fn call_import() -> u32 {
    with(|host| match host.answers.pop_front().unwrap_or(STARTED) {
        RETURNED => RETURNED,
        state => state | host.add(Item::Call(state)) << 4,
    })
}

/// The end outside, of a channel, is dropped.
pub fn peer_drops(name: &str, side: usize) {
    with(|host| {
        let channel = host.channels.iter().position(|c| c.name == name).expect("a channel");
        host.drop_side(channel, side);
    });
}

/// Give the instance an end of a new channel whose other end is outside: 0 the reader, 1 the writer.
pub fn receive(name: &'static str, future: bool, side: usize) -> u32 {
    with(|host| {
        host.channels.push(Channel { name, future, ..Channel::default() });
        let channel = host.channels.len() - 1;
        let handle = host.add(Item::End(channel, side));
        host.channels[channel].ends[side] = Some(handle);
        handle
    })
}

/// Give a reader of the instance to somebody outside.
pub fn give(name: &'static str, reader: u32) {
    with(|host| {
        let (channel, _) = host.end_of(reader);
        host.channels[channel].name = name;
    });
    hand_over(reader);
}

/// Hand a reader of the instance over to another one, which does not use it.
pub fn hand_over(reader: u32) {
    with(|host| {
        let (channel, side) = host.end_of(reader);
        let name = host.channels[channel].name;
        if host.at(reader).done {
            fail(&format!("the host traps: `{name}` is handed over after the other end was dropped"));
        }
        if host.at(reader).copying || host.at(reader).set.is_some() {
            fail(&format!("the host traps: `{name}` is handed over while it is in use"));
        }
        host.table[reader as usize - 1] = None;
        host.channels[channel].ends[side] = None;
    });
}

/// Take a reader back that was handed over: its new handle.
pub fn take_back(name: &str) -> u32 {
    with(|host| {
        let channel = host.channels.iter().position(|c| c.name == name).expect("a channel");
        let handle = host.add(Item::End(channel, 0));
        host.channels[channel].ends[0] = Some(handle);
        handle
    })
}

/// How many items the end outside, of a channel, has reported.
pub fn items(name: &str) -> u32 {
    with(|host| host.channels.iter().find(|c| c.name == name).expect("a channel").items_outside)
}

/// Whether the table of handles is empty once the component has let go of what it stores.
pub fn is_empty_after<F: Future<Output = ()> + 'static>(let_go: fn() -> F) -> bool {
    call("let_go", let_go);
    with(|host| host.table.iter().all(Option::is_none))
}

fn enter(task: Option<usize>, f: impl FnOnce()) {
    let before = with(|host| std::mem::replace(&mut host.current, task));
    f();
    with(|host| host.current = before);
}

fn call_back(task: usize, event: u32, handle: u32, code: u32) {
    with(|host| host.tasks[task].state = State::Runs);
    enter(Some(task), || {
        let code = unsafe { rt::callback(event, handle, code) };
        answer(task, code);
    });
}

fn answer(task: usize, code: u32) {
    with(|host| {
        host.tasks[task].state = match code & 0xf {
            0 => State::Over,
            1 => State::Yielded,
            _ => State::Waits(code >> 4),
        }
    });
    let told = with(|host| {
        let task = &mut host.tasks[task];
        let goes_on = task.state != State::Over && !task.resolved;
        goes_on && std::mem::take(&mut task.cancelled)
    });
    if told {
        call_back(task, EVENT_CANCEL, 0, 0);
    }
}

fn resolve() {
    with(|host| {
        let task = host.current.expect("a task");
        host.tasks[task].resolved = true;
    });
}

// --- the builtins -----------------------------------------------------------------------------

macro_rules! builtins {
    ($($symbol:literal $name:ident ($($argument:ident : $kind:ty),*) $(-> $result:ty)? $body:block)*) => {
        $(
            #[unsafe(export_name = $symbol)]
            pub extern "C" fn $name($($argument: $kind),*) $(-> $result)? $body
        )*
    };
}

thread_local! {
    static TASK: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

builtins! {
    // the one function that the runtimes of all releases share
    "wasip3_task_set" task_set(task: usize) -> usize { TASK.replace(task) }
    "[context-get-0]" context_get() -> usize {
        with(|host| host.current.map_or(host.context, |task| host.tasks[task].context))
    }
    "[context-set-0]" context_set(value: usize) {
        with(|host| match host.current {
            Some(task) => host.tasks[task].context = value,
            None => host.context = value,
        });
    }
    "[task-cancel]" task_cancel() { resolve() }
    "[waitable-set-new]" set_new() -> u32 { with(|host| host.add(Item::Set)) }
    "[waitable-set-drop]" set_drop(set: u32) {
        with(|host| {
            if host.has_members(set) {
                fail("the host traps: a waitable set is dropped with a waitable in it");
            }
            host.table[set as usize - 1] = None;
        });
    }
    "[waitable-join]" join(waitable: u32, set: u32) {
        with(|host| host.at(waitable).set = Some(set).filter(|&set| set != 0));
    }
    // a call that waits keeps the instance's stack: what happens outside goes on above it
    "[waitable-set-wait]" set_wait(set: u32, payload: *mut [u32; 2]) -> u32 {
        loop {
            if with(|host| host.sync && !host.has_event(set)) {
                fail("the host traps: an export of synchronous type waits");
            }
            let runs = with(|host| host.moments.front().is_none_or(|(_, how)| how.is_none()));
            if runs {
                with(|host| host.moments.pop_front());
                if let Some((event, handle, code)) = with(|host| host.take_event(set)) {
                    unsafe { *payload = [handle, code] };
                    return event;
                }
                if with(|host| host.moments.is_empty()) {
                    let_go();
                    match with(|host| host.take_event(set)) {
                        Some((event, handle, code)) => {
                            unsafe { *payload = [handle, code] };
                            return event;
                        }
                        None => fail("deadlock: a `block_on` waits for what cannot come"),
                    }
                }
            }
            let task = with(|host| host.current);
            next_moment();
            with(|host| host.current = task);
        }
    }
    "[waitable-set-poll]" set_poll(set: u32, payload: *mut [u32; 2]) -> u32 {
        let (event, handle, code) = with(|host| host.take_event(set)).unwrap_or_default();
        unsafe { *payload = [handle, code] };
        event
    }
    "[subtask-cancel]" subtask_cancel(call: u32) -> u32 {
        with(|host| {
            if host.at(call).set.is_some() {
                fail("the host traps: a call is cancelled while it is in a waitable set");
            }
            let event = host.at(call).event.take();
            let Item::Call(state) = &mut host.at(call).item else {
                fail(&format!("the host traps: {call} is no call"))
            };
            let code = match (event, *state) {
                (_, RETURNED) => RETURNED,
                (_, STARTING) => CANCELLED_BEFORE_STARTED,
                _ => CANCELLED_BEFORE_RETURNED,
            };
            *state = RETURNED;
            code
        })
    }
    "[subtask-drop]" subtask_drop(call: u32) {
        with(|host| {
            if !matches!(host.at(call).item, Item::Call(RETURNED)) {
                fail("the host traps: a call is dropped that has not returned");
            }
            host.table[call as usize - 1] = None;
        });
    }
    "[thread-yield]" thread_yield() -> bool {
        if let Some(what) = with(|host| host.while_yields) {
            what();
        }
        false
    }
    "cabi_realloc" cabi_realloc(_old: *mut u8, _len: usize, _align: usize, _new: usize) -> *mut u8 {
        unreachable!("nothing is passed through memory")
    }
    // the stream by which the runtime wakes a task from another
    "[stream-new-unit]" unit_new() -> u64 { ends("wakeup", false) }
    "[async-lower][stream-write-unit]" unit_write(stream: u32, _from: *const u8, items: usize) -> u32 {
        copy(stream, items)
    }
    "[async-lower][stream-read-unit]" unit_read(stream: u32, _to: *mut u8, items: usize) -> u32 {
        copy(stream, items)
    }
    "[stream-cancel-read-unit]" unit_cancel_read(stream: u32) -> u32 { cancel_copy(stream) }
    "[stream-cancel-write-unit]" unit_cancel_write(stream: u32) -> u32 { cancel_copy(stream) }
    "[stream-drop-readable-unit]" unit_drop_readable(stream: u32) { drop_end(stream) }
    "[stream-drop-writable-unit]" unit_drop_writable(stream: u32) { drop_end(stream) }
}

/// A new channel with both ends in the instance: the reader's handle in the low half.
pub fn ends(name: &'static str, future: bool) -> u64 {
    let reader = receive(name, future, 0);
    with(|host| {
        let channel = host.channels.len() - 1;
        let writer = host.add(Item::End(channel, 1));
        host.channels[channel].ends[1] = Some(writer);
        u64::from(reader) | u64::from(writer) << 32
    })
}

pub extern "C" fn stream_new() -> u64 {
    ends("stream", false)
}

pub extern "C" fn future_new() -> u64 {
    ends("future", true)
}

pub extern "C" fn stream_write(end: u32, _: *const u8, items: usize) -> u32 {
    copy(end, items)
}

pub extern "C" fn stream_read(end: u32, _: *mut u8, items: usize) -> u32 {
    copy(end, items)
}

pub extern "C" fn future_write(end: u32, _: *const u8) -> u32 {
    copy(end, 1)
}

pub extern "C" fn future_read(end: u32, _: *mut u8) -> u32 {
    copy(end, 1)
}

fn copy(end: u32, items: usize) -> u32 {
    with(|host| host.copy(end, items as u32))
}

pub extern "C" fn cancel_copy(end: u32) -> u32 {
    with(|host| {
        let (channel, _) = host.end_of(end);
        if host.at(end).set.is_some() {
            fail("the host traps: a copy is cancelled while it is in a waitable set");
        }
        host.at(end).copying = false;
        host.take_buffer_back(end);
        let event = host.at(end).event.take();
        let code = event.unwrap_or_else(|| host.code(channel, CANCELLED, 0));
        let future = host.channels[channel].future;
        host.at(end).done = code & 0xf == DROPPED || future && code & 0xf == COMPLETED;
        code
    })
}

pub extern "C" fn drop_end(end: u32) {
    with(|host| {
        let (channel, side) = host.end_of(end);
        if host.at(end).copying {
            fail("the host traps: an end is dropped while it copies");
        }
        if side == 1 && host.channels[channel].future && !host.at(end).done {
            fail("the host traps: the writer of a future is dropped before it has written");
        }
        host.table[end as usize - 1] = None;
        host.channels[channel].ends[side] = None;
        host.drop_side(channel, side);
    });
}
