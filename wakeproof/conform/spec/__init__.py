"""The specification's own tests, files of `.wast`, on the model's host layer and on Wasmtime."""
