"""Conformance: the model compared with real implementations, step by step and call by call."""
