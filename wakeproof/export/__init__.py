"""Exports: `scenario` writes a scenario for another checker, `trace` writes a violation as Rust.

A scenario becomes Promela, TLA+ or SMT-LIB 2; a violation of a results file becomes a test, a crate
or a bug report.
"""
