"""The model against the released crates as a component on Wasmtime."""
