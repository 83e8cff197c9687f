"""Results on the terminal: a module for each kind of result, with functions `print_...`."""
