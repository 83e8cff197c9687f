"""A trace as a Rust program: a test of the bindings generator's suite, or a crate.

`from_trace` translates the steps into a `program`; `component`, `runner` and `host_script` write
its parts, and `files` puts them together.
"""
