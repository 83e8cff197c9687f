"""A module for each command: it reads the inputs, calls the core and prints the report."""
