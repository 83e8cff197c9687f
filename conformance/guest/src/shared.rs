//! Statics of the driver. They belong to the process, as those of a component do to its instance.

use std::cell::RefCell;

/// A value for every thread of the process.
pub struct Shared<T>(RefCell<T>);

// SAFETY: one thread runs at a time, and what waits holds no borrow
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub const fn new(value: T) -> Shared<T> {
        Shared(RefCell::new(value))
    }

    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
}
