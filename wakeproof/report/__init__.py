"""What people read: `terminal` prints results, `pages` writes the committed Markdown.

A module beside the two packages has text that both use.
"""
