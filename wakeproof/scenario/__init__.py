"""Scenarios: files, mixes, parameters, scripts, and one in a mix that is ready to run."""
