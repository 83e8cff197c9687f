"""The explorer in the browser: a state as a picture, its steps, links that lead back to it."""
