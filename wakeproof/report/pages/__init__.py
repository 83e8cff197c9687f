"""The committed pages, as Markdown.

A module is about one page. It has one function that returns the text, `..._page`, or, for a page
that several commands write together, a function `..._section` for each part. Nothing in a page
depends on the machine or the moment except where the page states seconds, so that CI can compare
a page with the committed one.
"""
