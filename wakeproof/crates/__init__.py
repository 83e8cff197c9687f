"""The released crates and Wasmtime: which releases exist, how they are built, loaded and called."""
