"""The hosts: each names its base and what it changes."""
