//! Memory in which a use after free is found: every allocation has pages of its own, which may not
//! be touched once it was freed, and which are never used again, except for those of operations: a
//! slot has the same memory every time. In a component pages cannot be protected: freed memory is
//! not used again there, and that is all.

use crate::wire;
use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

#[cfg(unix)]
const PAGE: usize = 4096;
#[cfg(not(unix))]
const PAGE: usize = 16;
#[cfg(unix)]
const ARENA: usize = 1 << 30;
#[cfg(not(unix))]
const ARENA: usize = 1 << 26;

static RAISED: AtomicBool = AtomicBool::new(false);
static START: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicUsize = AtomicUsize::new(0);
static SLOTS: [Slot; 64] = [const { Slot::new() }; 64];

/// The memory of one slot: where it is, its bytes, how often it was filled.
struct Slot {
    start: AtomicUsize,
    size: AtomicUsize,
    filled: AtomicUsize,
}

impl Slot {
    const fn new() -> Slot {
        Slot { start: AtomicUsize::new(0), size: AtomicUsize::new(0), filled: AtomicUsize::new(0) }
    }

    fn covers(&self, address: usize) -> bool {
        let start = self.start.load(Relaxed);
        (start..start + self.size.load(Relaxed)).contains(&address)
    }
}

pub struct Fence;

// SAFETY: what is not from the arena is the system's; the arena hands out pages once
unsafe impl GlobalAlloc for Fence {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !RAISED.load(Relaxed) || wire::ASIDE.load(Relaxed) {
            return unsafe { System.alloc(layout) };
        }
        let size = pages(layout.size());
        let start = NEXT.fetch_add(size, Relaxed);
        if start + size > START.load(Relaxed) + ARENA || layout.align() > PAGE {
            return std::ptr::null_mut();
        }
        start as *mut u8
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if is_fenced(memory as usize) {
            protect(memory as usize, pages(layout.size()), false);
        } else {
            unsafe { System.dealloc(memory, layout) }
        }
    }
}

fn pages(size: usize) -> usize {
    size.max(1).div_ceil(PAGE) * PAGE
}

fn is_fenced(address: usize) -> bool {
    let start = START.load(Relaxed);
    start != 0 && (start..start + ARENA).contains(&address)
}

/// How often the memory of a slot was filled; 0 for memory that is no slot's.
pub fn generation(address: usize) -> usize {
    let inside = |slot: &&Slot| slot.start.load(Relaxed) != 0 && slot.covers(address);
    SLOTS.iter().find(inside).map_or(0, |slot| slot.filled.load(Relaxed))
}

/// Move what was made and never polled into the memory of a slot, the same every time.
pub fn place<T: ?Sized>(slot: u32, made: Pin<Box<T>>) -> Pin<Box<T>> {
    let layout = Layout::for_value(&*made);
    let slot = &SLOTS[slot as usize];
    if slot.start.load(Relaxed) == 0 {
        slot.start.store(unsafe { Fence.alloc(layout) } as usize, Relaxed);
        slot.size.store(layout.size().max(1), Relaxed);
    }
    slot.filled.fetch_add(1, Relaxed);
    let (to, size) = (slot.start.load(Relaxed), pages(layout.size()));
    // SAFETY: nobody knows where it was made; the slot is free, as its operation was dropped
    protect(to, size, true);
    unsafe {
        let from = Box::into_raw(Pin::into_inner_unchecked(made));
        let address = from.cast::<u8>();
        std::ptr::copy_nonoverlapping(address, to as *mut u8, layout.size());
        Fence.dealloc(address, layout);
        Pin::from(Box::from_raw(from.wrapping_byte_offset(to as isize - address as isize)))
    }
}

/// Allow or forbid access to these pages.
#[cfg(unix)]
fn protect(start: usize, size: usize, allowed: bool) {
    let may = if allowed { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
    unsafe { libc::mprotect(start as *mut _, size, may) };
}

#[cfg(not(unix))]
fn protect(_: usize, _: usize, _: bool) {}

/// From here on memory comes from the arena, which a component has at the end of its memory.
#[cfg(not(unix))]
pub fn raise() {
    let start = core::arch::wasm32::memory_grow(0, ARENA >> 16) << 16;
    START.store(start, Relaxed);
    NEXT.store(start, Relaxed);
    RAISED.store(true, Relaxed);
}

/// From here on memory comes from the arena, and touching freed memory ends the process with a
/// line about it.
#[cfg(unix)]
pub fn raise() {
    unsafe {
        let arena = libc::mmap(
            std::ptr::null_mut(),
            ARENA,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        assert!(arena != libc::MAP_FAILED, "no memory for the arena");
        START.store(arena as usize, Relaxed);
        NEXT.store(arena as usize, Relaxed);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
        libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
    }
    RAISED.store(true, Relaxed);
}

#[cfg(unix)]
extern "C" fn fault(_: i32, info: *const libc::siginfo_t, _: *const libc::c_void) {
    let address = unsafe { (*info).si_addr() } as usize;
    wire::tell(if is_fenced(address) { "fault freed" } else { "fault wild" });
    wire::end(0)
}
