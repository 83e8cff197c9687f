//! Standard input and output. Lines that need no answer are held back until one does.
//!
//! With `WAKEPROOF_FRAMES`, the folder of a crate, every line has one before it: `from`, and the
//! places of that crate's functions which are on the stack, as `file:line`, innermost first.

use super::ASIDE;
use std::backtrace::Backtrace;
use std::cell::UnsafeCell;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

struct Buffers {
    out: [u8; 1 << 16],
    filled: usize,
}

struct Shared(UnsafeCell<Buffers>);
// SAFETY: one thread of the driver runs at a time
unsafe impl Sync for Shared {}

static BUFFERS: Shared = Shared(UnsafeCell::new(Buffers { out: [0; 1 << 16], filled: 0 }));

static FRAMES: OnceLock<Option<String>> = OnceLock::new();

/// Send a line that needs no answer.
pub fn tell(line: &str) {
    if let Some(folder) = FRAMES.get_or_init(|| std::env::var("WAKEPROOF_FRAMES").ok()) {
        ASIDE.store(true, Relaxed);
        let stack = Backtrace::force_capture().to_string();
        let places = stack.lines().filter_map(|line| line.trim().strip_prefix("at "));
        let inside = places.filter_map(|place| place.strip_prefix(folder.as_str()));
        push(&inside.fold(String::from("from"), |line, place| line + " " + place));
        ASIDE.store(false, Relaxed);
    }
    push(line);
}

/// Put a line into the buffer.
fn push(line: &str) {
    let buffers = unsafe { &mut *BUFFERS.0.get() };
    if buffers.filled + line.len() + 1 > buffers.out.len() {
        flush();
    }
    let bytes = &line.as_bytes()[..line.len().min(buffers.out.len() - 1)];
    buffers.out[buffers.filled..buffers.filled + bytes.len()].copy_from_slice(bytes);
    buffers.out[buffers.filled + bytes.len()] = b'\n';
    buffers.filled += bytes.len() + 1;
}

/// Write the lines that were held back; a signal handler calls it too, so nothing is allocated.
pub fn flush() {
    let buffers = unsafe { &mut *BUFFERS.0.get() };
    let mut start = 0;
    while start < buffers.filled {
        let rest = &buffers.out[start..buffers.filled];
        let written = unsafe { libc::write(1, rest.as_ptr().cast(), rest.len()) };
        if written <= 0 {
            unsafe { libc::_exit(1) };
        }
        start += written as usize;
    }
    buffers.filled = 0;
}

/// The next line, byte by byte: a forked process must not take what is meant for its parent.
pub fn read() -> Option<String> {
    flush();
    let mut line = String::new();
    loop {
        let mut byte = 0u8;
        match unsafe { libc::read(0, (&raw mut byte).cast(), 1) } {
            1 if byte == b'\n' => return Some(line),
            1 => line.push(byte as char),
            _ => return None,
        }
    }
}

/// Send a line; the words of the answer.
pub fn ask(line: &str) -> Vec<String> {
    tell(line);
    match read() {
        Some(answer) if answer != "quit" => answer.split(' ').map(String::from).collect(),
        _ => end(0),
    }
}

/// The end of this process, with no destructor run.
pub fn end(status: i32) -> ! {
    flush();
    unsafe { libc::_exit(status) }
}
