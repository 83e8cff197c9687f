"""The model's host layer against Wasmtime, builtin by builtin."""
