"""What any program needs: TOML, worker processes, resources, cached results, Markdown."""
