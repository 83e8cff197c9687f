"""The findings: known violations, each with a Rust test that is built and run on the releases.

`registry` reads `findings.toml`, `cases` makes a finding a test, and `runs` runs the tests through
`run_crates` and `run_components`. `violations` does the same for all violations of a results file.
"""
