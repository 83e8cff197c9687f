"""The tool held against itself and against other checkers."""
