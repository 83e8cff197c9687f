"""A pull request of the crate: its source beside a model, its layout, and its findings."""
