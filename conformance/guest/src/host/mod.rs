//! The host's builtins: in a process (`native`) they get their results from Wakeproof, in a
//! component they are a real host's.

#[cfg(not(unix))]
mod component;
#[cfg(unix)]
mod native;

#[cfg(not(unix))]
pub use component::*;
#[cfg(unix)]
pub use native::*;

use std::sync::atomic::AtomicUsize;

/// The component model task that runs, as Wakeproof names it.
pub static TASK: AtomicUsize = AtomicUsize::new(0);
