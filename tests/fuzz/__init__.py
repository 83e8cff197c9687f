"""A fuzzer of the command line: `python -m tests.fuzz --inputs 10000 --seed 1`."""
