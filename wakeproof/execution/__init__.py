"""The model in plain Python: running it, the steps that are enabled, traces."""
