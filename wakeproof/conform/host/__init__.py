"""The model's host layer compared with Wasmtime, builtin call by builtin call."""
