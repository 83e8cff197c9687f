//! The C ABI between executors and operations: every call through it sends a line.
//!
//! `wasip3_task_set` is the one function that both sides share. The driver defines it, and where
//! an executor sets its task, operations get one whose functions send a line and call the
//! executor's. A task is named by its private pointer.

use crate::fence;
use crate::program::operation_at;
use crate::shared::Shared;
use crate::wire::tell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

type Private = *mut c_void;
type Callback = unsafe extern "C" fn(Private, u32);
type Register = unsafe extern "C" fn(Private, u32, Callback, Private) -> Private;
type Unregister = unsafe extern "C" fn(Private, u32) -> Private;
type Clone = unsafe extern "C" fn(Private) -> Private;
type Drop = unsafe extern "C" fn(Private);
type RustSpawn = unsafe fn(Private, Box<dyn Future<Output = ()>>);

/// `wasip3_task`, with what each version of the ABI appends.
#[repr(C)]
pub struct Task {
    version: u32,
    private: Private,
    register: Register,
    unregister: Unregister,
    table: *const Table,
}

/// `wasip3_task_vtable`, with what each version of the ABI appends.
#[repr(C)]
struct Table {
    register: Register,
    unregister: Unregister,
    clone: Clone,
    drop: Drop,
    /// V3; absent without the feature `async-spawn`
    rust_spawn: Option<RustSpawn>,
}

/// One executor's task: the real one's version, private pointer, functions and table.
struct Told {
    version: u32,
    private: Private,
    register: Register,
    unregister: Unregister,
    table: *const Table,
    shown: Table,
}

struct Known {
    /// by version and private pointer; never freed, as operations may keep a pointer
    tasks: BTreeMap<(u32, usize), *mut Told>,
    /// what stands for a real task that is set
    stands: BTreeMap<usize, usize>,
}

/// What stands for a status in the map of an executor, which only hands it back; never freed.
struct Registered {
    status: Private,
    callback: Callback,
    /// how often the memory of the status had been filled by then
    filled: usize,
}

static CURRENT: AtomicUsize = AtomicUsize::new(0);
static KNOWN: Shared<Known> =
    Shared::new(Known { tasks: BTreeMap::new(), stands: BTreeMap::new() });

fn told(private: Private) -> &'static Told {
    unsafe { &*private.cast::<Told>() }
}

/// Where a task's memory is, as a name for it; 0 for none.
fn name(task: usize) -> usize {
    if task == 0 { 0 } else { told(unsafe { (*(task as *const Task)).private }).private as usize }
}

#[unsafe(no_mangle)]
extern "C" fn wasip3_task_set(task: *mut Task) -> *mut Task {
    let given = task as usize;
    let new = KNOWN.with(|known| {
        if given == 0 || known.stands.contains_key(&given) { given } else { known.stand_in(task) }
    });
    let previous = CURRENT.swap(new, Relaxed);
    tell(&format!("abi wasip3_task_set {:x}", name(new)));
    tell(&format!("ret {:x}", name(previous)));
    previous as *mut Task
}

impl Known {
    /// The task that stands for an executor's: it has the same version, and no more than that
    /// version's fields.
    fn stand_in(&mut self, task: *mut Task) -> usize {
        let real = unsafe { &*task };
        let key = (real.version, real.private as usize);
        let told = *self.tasks.entry(key).or_insert_with(|| {
            Box::into_raw(Box::new(Told {
                version: real.version,
                private: real.private,
                register: real.register,
                unregister: real.unregister,
                table: if real.version >= 2 { real.table } else { ptr::null() },
                shown: Table { register, unregister, clone, drop, rust_spawn: None },
            }))
        });
        let told = unsafe { &mut *told };
        // a V1 task's memory may be that of an earlier one on the stack
        (told.register, told.unregister) = (real.register, real.unregister);
        if real.version >= 3 {
            told.shown.rust_spawn =
                unsafe { (*real.table).rust_spawn }.map(|_| rust_spawn as RustSpawn);
        }
        let stand = Box::into_raw(Box::new(Task {
            version: real.version,
            private: ptr::from_mut(told).cast(),
            register,
            unregister,
            table: &raw const told.shown,
        }));
        self.stands.insert(stand as usize, real.private as usize);
        stand as usize
    }
}

unsafe extern "C" fn register(
    private: Private,
    waitable: u32,
    callback: Callback,
    status: Private,
) -> Private {
    let task = told(private);
    let filled = fence::generation(status as usize);
    let registered = Box::into_raw(Box::new(Registered { status, callback, filled }));
    let name = task.private as usize;
    tell(&format!("abi waitable_register {name:x} {waitable} {}", operation_at(status as usize)));
    let function =
        if task.version >= 2 { unsafe { (*task.table).register } } else { task.register };
    returned(unsafe { function(task.private, waitable, wake, registered.cast()) })
}

unsafe extern "C" fn unregister(private: Private, waitable: u32) -> Private {
    let task = told(private);
    tell(&format!("abi waitable_unregister {:x} {waitable}", task.private as usize));
    let function =
        if task.version >= 2 { unsafe { (*task.table).unregister } } else { task.unregister };
    returned(unsafe { function(task.private, waitable) })
}

/// The status that an executor had in its map.
fn returned(previous: Private) -> Private {
    let registered = unsafe { previous.cast::<Registered>().as_ref() };
    let status = registered.map_or(ptr::null_mut(), |it| it.status);
    tell(&format!("ret {}", operation_at(status as usize)));
    status
}

unsafe extern "C" fn clone(private: Private) -> Private {
    let task = told(private);
    tell(&format!("abi clone {:x}", task.private as usize));
    let cloned = unsafe { ((*task.table).clone)(task.private) };
    assert_eq!(cloned, task.private, "a clone is the same pointer");
    tell("ret");
    private
}

unsafe extern "C" fn drop(private: Private) {
    let task = told(private);
    tell(&format!("abi drop {:x}", task.private as usize));
    unsafe { ((*task.table).drop)(task.private) };
    tell("ret");
}

unsafe fn rust_spawn(private: Private, future: Box<dyn Future<Output = ()>>) {
    let task = told(private);
    tell(&format!("abi rust_spawn {:x}", task.private as usize));
    let function = unsafe { (*task.table).rust_spawn }.expect("shown only where there is one");
    unsafe { function(task.private, future) };
    tell("ret");
}

unsafe extern "C" fn wake(registered: Private, code: u32) {
    let &Registered { status, callback, filled } = unsafe { &*registered.cast::<Registered>() };
    let address = status as usize;
    // whether the memory is still that of the operation that registered it
    let word = if filled == fence::generation(address) { "fresh" } else { "stale" };
    tell(&format!("abi callback {} {code} {word}", operation_at(address)));
    unsafe { callback(status, code) };
    tell("ret");
}
