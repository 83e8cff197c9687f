"""Names of properties, sites and violations in a page."""

from __future__ import annotations


def code(name: str) -> str:
    """Return a name as a code span; an empty one stays empty."""
    return f"`{name}`" if name else ""


def violation_name(property_id: str, site: str) -> str:
    """Return the property that is violated and, unless it is an invariant, the site."""
    return code(property_id) + (f" at {code(site)}" if site else "")
