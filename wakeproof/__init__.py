"""Wakeproof: a model checker and simulator for the wasip3 async task C ABI."""

__version__ = "0.1.0"
