"""General-purpose helpers: TOML, worker processes, resources, cached results, Markdown rows."""
