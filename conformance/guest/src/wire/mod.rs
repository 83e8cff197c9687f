//! The lines to and from Wakeproof: in a process through its standard input and output, in a
//! component through two imports.

#[cfg(not(unix))]
mod component;
#[cfg(unix)]
mod stdio;

#[cfg(not(unix))]
pub use component::*;
#[cfg(unix)]
pub use stdio::*;

use std::sync::atomic::AtomicBool;

/// The driver does something of its own, whose memory is not that of the program.
pub static ASIDE: AtomicBool = AtomicBool::new(false);

/// A number among the words of an answer.
pub fn number(words: &[String], place: usize) -> u32 {
    words[place].parse().expect("a number")
}
