"""Exhaustive exploration of the states of a scenario, in plain Python and in native code."""
