"""Gather the pages of the documentation site in one folder: `python -m docs.pages FOLDER`.

The pages are written to be read in the repository, too, so their links are paths in the repository.
Here each is turned into a path of the site, or into an address in the repository on the web if the
file is no page; a link to a file that does not exist is refused. The reference of the commands
is made from the command line itself, that of the API from its public names, that of scenarios from
the model. The site's generator
(`mkdocs.yml`) needs no plugin for any of it.
"""

from __future__ import annotations

import inspect
import posixpath
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import click

import wakeproof
from wakeproof.cli import cli
from wakeproof.language.model import BUNDLED
from wakeproof.scenario import vocabulary as words
from wakeproof.util.markdown import table_head, table_row

ROOT = Path(__file__).parent.parent
REPOSITORY = "https://github.com/wakeproof/wakeproof"
# pages that do not lie in docs/, where the site has them under the same path
PAPERS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "model/SITES.md")
# generated pages: long tables, in which a search of the documentation would find nothing else
REPORTS = "reports"
NOT_SEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"

# so that click cuts no line off
WIDE = 10_000
FENCE = re.compile(r"^\s*(```|~~~)")
# code is left alone; a link is what follows the text in brackets
CODE_OR_LINK = re.compile(r"(`+).+?\1|\]\((?P<target>[^)\s]+)\)")


class BrokenLink(Exception):
    """A link of a page leads to a file that does not exist."""


def site_pages() -> dict[str, str]:
    """The files of the site: their paths in the repository, each with its path in the site."""
    pages = {paper: paper for paper in PAPERS}
    for folder, prefix in (("docs", ""), (REPORTS, f"{REPORTS}/")):
        for file in sorted((ROOT / folder).rglob("*")):
            inside = file.relative_to(ROOT / folder).as_posix()
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                pages[f"{folder}/{inside}"] = prefix + inside
    return pages


def site_link(page: str, target: str, pages: dict[str, str]) -> str:
    """The link of a page as the site needs it.

    `page` is a path in the repository, `target` a path from there, perhaps with `#heading`. Raises
    `BrokenLink` if there is no such file.
    """
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return target
    path, mark, heading = target.partition("#")
    found = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    if f"{found}/README.md" in pages:
        found = f"{found}/README.md"
    if found in pages:
        here = posixpath.dirname(pages.get(page, page)) or "."
        return posixpath.relpath(pages[found], here) + mark + heading
    if found.startswith("..") or not (ROOT / found).exists():
        raise BrokenLink(f"{page} links to {target}, and there is no {found}")
    kind = "tree" if (ROOT / found).is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{quote(found)}{mark}{heading}"


def with_site_links(page: str, text: str, pages: dict[str, str]) -> str:
    """The text of a page with the links of the site. Raises `BrokenLink`."""

    def rewritten(found: re.Match[str]) -> str:
        target = found["target"]
        return found[0] if target is None else f"]({site_link(page, target, pages)})"

    lines = []
    fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        lines.append(line if fenced else CODE_OR_LINK.sub(rewritten, line))
    return "\n".join(lines) + "\n"


class MarkdownFormatter(click.HelpFormatter):
    """Help of a command as Markdown: click's own sections and rows, whatever groups they are in."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line to type."""
        self.write(f"```text\n{prog} {args}\n```\n\n")

    def write_heading(self, heading: str) -> None:
        """The name of a group of options."""
        self.write(f"**{heading}**\n\n")

    def write_paragraph(self) -> None:
        """An empty line between two parts."""
        self.write("\n")

    def write_text(self, text: str) -> None:
        """Sentences, which Markdown wraps by itself."""
        self.write(f"{inspect.cleandoc(text)}\n\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Options with what each does."""
        self.write("| | |\n| --- | --- |\n")
        for name, text in rows:
            self.write(f"| `{name}` | {' '.join(text.split()).replace('|', chr(92) + '|')} |\n")
        self.write("\n")


def commands(command: click.Command, parent: click.Context | None = None) -> Iterator[str]:
    """The reference of a command and of its subcommands: a heading and the help of each."""
    name = "wakeproof" if parent is None else command.name
    context = click.Context(command, parent, info_name=name, **command.context_settings)
    formatter = MarkdownFormatter(width=WIDE)
    command.format_help(context, formatter)
    yield f"## {context.command_path}\n\n{formatter.getvalue()}"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from commands(found, context)


def api() -> Iterator[str]:
    """The public names, each as a line that mkdocstrings turns into its documentation."""
    for name in getattr(wakeproof, "__all__", ()):
        what = getattr(wakeproof, name)
        yield f"::: {what.__module__}.{what.__qualname__}\n    options:\n      heading: {name}\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table, each cell in one line."""
    yield from table_head(*head)
    for row in rows:
        yield table_row(*(" ".join(cell.split()) for cell in row))
    yield ""


def vocabulary() -> Iterator[str]:
    """Parameters, actions, properties and sites, each with its sentence."""
    model = BUNDLED
    yield "## Parameters\n"
    rows = ((f"`{e.name}`", e.kind, e.says) for e in words.parameters(model))
    yield from _table(("parameter", "value", "meaning"), rows)
    yield "## Actions\n"
    acts = ((f"`{e.usage}`", e.kind, e.says) for e in words.actions(model))
    yield from _table(("action", "who", "what happens"), acts)
    yield "## Properties\n"
    properties = ((f"`{p.id}`", p.says, p.means) for p in model.properties.values())
    yield from _table(("property", "statement", "what a violation means"), properties)
    yield "## Sites\n"
    sites = ((f"`{s.id}`", s.kind, s.condition) for s in model.sites.values())
    yield from _table(("site", "kind", "what must hold"), sites)


def programs() -> Iterator[str]:
    """The words of programs: those of the language, then those of the model."""
    rows = ((f"`{form}`", says) for form, says in words.LANGUAGE.items())
    yield from _table(("form", "meaning"), rows)
    more = ((f"`{e.usage}`", e.kind, e.says) for e in words.words(BUNDLED))
    yield from _table(("word", "kind", "meaning"), more)


GENERATED = {
    "<!-- commands -->": lambda: commands(cli),
    "<!-- api -->": api,
    "<!-- vocabulary -->": vocabulary,
    "<!-- words -->": programs,
}


def gather(folder: Path) -> None:
    """Write all pages of the site into a folder, which is made anew. Raises `BrokenLink`."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = site_pages()
    for page, place in pages.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        if not page.endswith(".md"):
            shutil.copyfile(ROOT / page, folder / place)
            continue
        text = with_site_links(page, (ROOT / page).read_text("utf-8"), pages)
        for mark, made in GENERATED.items():
            if mark in text:
                text = text.replace(mark, "\n".join(made()))
        if page.startswith(REPORTS):
            text = NOT_SEARCHED + text
        (folder / place).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        gather(Path(sys.argv[1]))
    except BrokenLink as broken:
        sys.exit(f"docs: {broken}")
