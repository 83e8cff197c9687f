"""The releases: each names its base and what it changes."""
