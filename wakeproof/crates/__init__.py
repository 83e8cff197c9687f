"""The released crates and Wasmtime: which there are, and how they are built and loaded."""
