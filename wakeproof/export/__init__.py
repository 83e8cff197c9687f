"""Scenarios and traces for other tools: Promela, TLA+, SMT-LIB, Rust, an issue."""
