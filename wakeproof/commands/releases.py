"""`wakeproof releases`: play violations on every release of the crates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from wakeproof.check.results_file import read_results
from wakeproof.commands.inputs import chosen_model, chosen_workers, texts_of
from wakeproof.commands.options import ClusterOptions, ModelOptions
from wakeproof.commands.output import refuse_unwritable_page, write_page
from wakeproof.errors import Exit, InputError
from wakeproof.report.terminal.console import make_console
from wakeproof.scenario.file import find_scenario
from wakeproof.scenario.mixes import build_name


@dataclass(frozen=True, kw_only=True)
class ReleasesOptions(ModelOptions, ClusterOptions):
    """Results files, and the page to write."""

    results: tuple[Path, ...]
    report_file: Path | None = None


def releases_command(options: ReleasesOptions) -> int:
    """Play every violation of results files on every release; return the exit status."""
    from wakeproof.conform.every_release import on_every_release, release_rows
    from wakeproof.crates.releases import released_versions, releases
    from wakeproof.report.pages.releases import releases_page

    model = chosen_model(options)
    page = options.report_file
    if page is not None:
        refuse_unwritable_page(page, [*texts_of(model), *options.results])
    console = make_console()
    results = [row for path in options.results for row in read_results(path)]
    with chosen_workers(options, model.texts) as pool:
        violations, finished = on_every_release(results, find_scenario, model, pool)
    if not violations:
        raise InputError(
            "no mix of one released version has a violation in these results",
            where=", ".join(map(str, options.results)),
            hint="give what `wakeproof check --json FILE` wrote of scenarios that are violated",
        )
    table = Table("violation", "features", *releases(), show_edge=False, pad_edge=False)
    rows = release_rows(violations)
    for row in rows:
        name = " at ".join(word for word in (row["property"], row["site"]) if word)
        table.add_row(
            escape(name), "\n".join(map(build_name, row["builds"])), *row["releases"].values()
        )
    console.print(table)
    if page is not None and finished:
        properties = model.properties
        newest = released_versions(model.sources)[-1]
        text = releases_page(violations, results, properties, model.sites, newest)
        write_page(page, text, {"violations": rows})
    if not finished:
        return Exit.UNKNOWN
    sources = model.sources
    refuted = [v for v in violations if v.refuted(sources)]
    for v in refuted:
        where = f"{v.scenario} {v.property} {v.site}".strip()
        what = f"{where}: the model has it, {', '.join(v.refuted(sources))} does something else"
        console.print(f"[red]{escape(what)}[/red]", soft_wrap=True)
    return Exit.NOT_AS_EXPECTED if refuted else Exit.AS_EXPECTED
