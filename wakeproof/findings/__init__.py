"""The findings: known violations, each with a Rust test that is run on every release."""

from __future__ import annotations
