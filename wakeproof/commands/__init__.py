"""One module a command: inputs, the work, the report."""
