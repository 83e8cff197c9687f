"""Exports: `scenario` writes a scenario for another checker, `trace` and `picture` write a trace.

A scenario becomes Promela, TLA+ or SMT-LIB 2; a violation of a results file becomes a test, a crate
or a bug report, and any trace becomes a page, a diagram, or the states for a viewer.
"""

MODELS = ("promela", "tla", "smtlib")
PROGRAMS = ("rust-test", "rust-crate")
REPORT = "issue"
SCRIPT = "wast"
PICTURES = {"html": ".html", "mermaid": ".mmd", "svg": ".svg", "itf": ".itf.json"}
"""The forms: of a scenario; of a trace as a folder, as a report, as a script, as a file with a
suffix."""
