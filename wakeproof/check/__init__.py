"""Checking scenarios: jobs and verdicts, results files, replays and simulations."""
