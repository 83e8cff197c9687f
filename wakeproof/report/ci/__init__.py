"""Reports for CI, all about one overview: JUnit XML, SARIF, annotations and a step summary."""
