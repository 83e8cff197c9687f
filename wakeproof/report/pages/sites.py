"""The page of sites, model/SITES.md: the panics and traps of the real code beside the model.

`python -m wakeproof.report.pages.sites` writes it.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from wakeproof.bundled import MODEL
from wakeproof.language.sites import Site, load_sites, mentions
from wakeproof.util.files import write_whole
from wakeproof.util.markdown import table_head, table_row
from wakeproof.util.toml import load_toml


def sites_page(model_dir: Path) -> str:
    """Return the sites of a model as a page, with a table for each source file."""
    functions: dict[str, list[str]] = {}
    for mention in mentions(model_dir):
        # without the line, so that the page does not change when a line of the model moves
        functions.setdefault(mention.site, []).append(f"`{mention.file}` `{mention.function}`")
    page = [
        "<!-- Generated from sites.toml and the model's text; `make report` writes it again. -->",
        "",
        "# Sites",
        "",
        "Where the real code panics, traps or runs into undefined behaviour, and where the model"
        " mirrors it, or why no program reaches it.",
    ]
    note = load_toml(model_dir / "sites.toml").get("note", "")
    page += ["", note] if note else []
    for source, group in groupby(load_sites(model_dir).values(), key=lambda site: site.source):
        sites = list(group)
        releases = list(dict.fromkeys(release for site in sites for release, _ in site.places))
        page += ["", f"## {source}", ""]
        lines = " / ".join(releases)
        page += table_head("site", "kind", lines, "must hold", "mirrored by, or why not")
        page += [_site_row(site, releases, functions.get(site.id, [])) for site in sites]
    return "\n".join(page) + "\n"


def _site_row(site: Site, releases: list[str], functions: list[str]) -> str:
    """Return the row of a site with its lines in the releases and the functions that mirror it."""
    lines = dict(site.places)
    mirrored = ", ".join(dict.fromkeys(functions))
    if mirrored and site.unreachable:
        mirrored += ": checked to be unreachable."
    return table_row(
        f"`{site.id}` in `{site.function}`",
        site.kind,
        " / ".join(str(lines.get(release, "-")) for release in releases),
        site.condition,
        f"{mirrored} {site.unreachable}".strip(),
    )


def main() -> None:
    """Write SITES.md of the model that comes with the tool."""
    write_whole(MODEL / "SITES.md", sites_page(MODEL))


if __name__ == "__main__":
    main()
