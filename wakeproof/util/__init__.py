"""General-purpose helpers: files, TOML, the cache, worker processes, resources, Markdown rows."""
