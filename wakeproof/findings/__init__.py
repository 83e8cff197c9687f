"""The findings: known violations, each with a Rust test that is built and run on the releases."""
