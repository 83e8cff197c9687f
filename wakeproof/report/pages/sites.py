"""The page of sites: the real code's panics and traps beside the model."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from wakeproof.bundled import MODEL
from wakeproof.language.sites import Site, load_sites, mentions
from wakeproof.util.toml import load_toml


def sites_markdown(model_dir: Path) -> str:
    """The table of sites as a page: one Markdown table a source file."""
    functions: dict[str, list[str]] = {}
    for mention in mentions(model_dir):
        # without its line: the page changes when the model does, not whenever a line moves
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
        page.append(_row("site", "kind", lines, "must hold", "mirrored by, or why not"))
        page.append(_row(*["---"] * 5))
        for site in sites:
            page.append(_site_row(site, releases, functions.get(site.id, [])))
    return "\n".join(page) + "\n"


def _site_row(site: Site, releases: list[str], functions: list[str]) -> str:
    lines = dict(site.places)
    mirrored = ", ".join(dict.fromkeys(functions))
    if mirrored and site.unreachable:
        mirrored += ": checked to be unreachable."
    return _row(
        f"`{site.id}` in `{site.function}`",
        site.kind,
        " / ".join(str(lines.get(release, "-")) for release in releases),
        site.condition,
        f"{mirrored} {site.unreachable}".strip(),
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write SITES.md of the model that comes with the tool."""
    (MODEL / "SITES.md").write_text(sites_markdown(MODEL), encoding="utf-8")


if __name__ == "__main__":
    main()
