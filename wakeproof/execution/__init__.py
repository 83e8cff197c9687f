"""Execution of the model in plain Python: the machine, enabled steps, traces."""
