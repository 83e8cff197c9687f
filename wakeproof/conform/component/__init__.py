"""The model compared with the released crates as a component, called by a real host: Wasmtime."""
