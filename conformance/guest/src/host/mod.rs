//! The host's builtins: in a process (`native`) they get their results from Wakeproof, in a
//! component they are a real host's.

#[cfg(not(unix))]
mod component;
#[cfg(unix)]
mod native;
#[cfg(unix)]
mod threads;

#[cfg(not(unix))]
pub use component::*;
#[cfg(unix)]
pub use native::*;
#[cfg(unix)]
pub use threads::{call_export, resume};
