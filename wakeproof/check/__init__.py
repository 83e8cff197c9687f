"""Checking scenarios: jobs, verdicts, results files, replays, random walks."""
