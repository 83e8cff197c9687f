"""Reports for CI, of a check or a pull request: JUnit XML, SARIF, annotations, a summary."""
