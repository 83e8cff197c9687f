"""Results as pages of Markdown."""
