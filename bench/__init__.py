"""Benchmarks of the tool and of other checkers on the same models."""
