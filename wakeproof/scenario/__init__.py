"""Scenarios: their files, mixes, parameters and scripts, and instances that are ready to run."""
