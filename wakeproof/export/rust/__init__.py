"""A trace as a Rust program: a test, or a crate."""
