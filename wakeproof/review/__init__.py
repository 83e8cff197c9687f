"""Reviews: what a new version fixes, breaks and changes."""
