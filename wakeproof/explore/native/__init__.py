"""Exploration in native code: the model as C text, compiled, loaded and run."""
