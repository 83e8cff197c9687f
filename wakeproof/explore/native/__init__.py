"""The search in native code: the model written as C, compiled, loaded and run."""
