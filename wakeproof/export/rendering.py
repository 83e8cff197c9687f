"""Render the templates of generated files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).with_name("templates")


MARKUP = (".html.j2", ".svg.j2", "sequence.j2", "stack.j2")
"""The ends of the names of templates in which a text is text, whatever characters it has."""


def environment() -> jinja2.Environment:
    """Return an environment in which a line with a tag alone leaves no empty line."""
    # only where something is written: every command comes by here
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(MARKUP),
    )
    made.filters["code"] = with_code
    return made


def with_code(text: str) -> Markup:
    """Return a text as HTML, in which what is between backticks is code."""
    parts = re.split("`([^`]*)`", text)
    marked = (Markup("<code>{}</code>").format(p) if n % 2 else p for n, p in enumerate(parts))
    return Markup("").join(marked)


def render(template: str, **values: Any) -> str:
    """Fill a template in."""
    return environment().get_template(template).render(**values)
