"""`wakeproof explore`: serve the explorer in the browser, on this machine alone."""

from __future__ import annotations

import importlib
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.check.results_file import read_traces
from wakeproof.commands.inputs import chosen_model, one_build, one_mix
from wakeproof.commands.options import BuildOptions, MixOptions, ModelOptions
from wakeproof.errors import Exit, InputError
from wakeproof.report.terminal.console import make_console
from wakeproof.scenario.instance import scenario_for
from wakeproof.scenario.mixes import mix_name, run_name
from wakeproof.util.packages import installed
from wakeproof.web.address import Address
from wakeproof.web.offers import Offers, saved_traces

USUAL_PORT = 8618
"""The port without --port, so that a link of somebody else leads to one's own explorer."""


@dataclass(frozen=True, kw_only=True)
class ExploreOptions(ModelOptions, MixOptions, BuildOptions):
    """What to explore: a scenario, a results file, or None for a choice of scenarios.

    `scenario` replaces that of the traces. `port` is None for the usual one, 0 for a free one.
    """

    what: str | None = None
    scenario: str | None = None
    port: int | None = None
    open_browser: bool = False


def explore_command(options: ExploreOptions) -> int:
    """Serve the explorer until an interrupt; return the exit status."""
    for package in ("starlette", "uvicorn"):
        with installed(package):
            importlib.import_module(package)
    from wakeproof.web.server import make_app, open_port, serve

    offers, link = offered(options)
    listening = open_port(options.port, USUAL_PORT)
    port = listening.getsockname()[1]
    address = f"http://127.0.0.1:{port}{link}"
    console = make_console()
    console.print(f"exploring at {address}", markup=False, soft_wrap=True)
    console.print("Ctrl-C ends it", markup=False)
    sys.stdout.flush()
    if options.open_browser:
        webbrowser.open(address)
    serve(make_app(offers, port), listening)
    console.print("the explorer has ended", markup=False)
    return Exit.AS_EXPECTED


def _mix_of(result: Mapping[str, Any]) -> str:
    return mix_name(dict(result["mix"]))


def offered(options: ExploreOptions) -> tuple[Offers, str]:
    """Return what the explorer offers, and the link of the page that it begins with.

    Raises `InputError` for an unknown scenario, mix or host, and for a file without a trace.
    """
    model = chosen_model(options)
    if options.what is None:
        offers = Offers(model)
        offers.prepare()
        return offers, "/"
    file = Path(options.what)
    if file.suffix == ".json" or (file.is_file() and file.suffix != ".toml"):
        results = [r for r in read_traces(file) if not options.mix or _mix_of(r) in options.mix]
        if not results:
            raise InputError(
                f"no trace in {','.join(options.mix)}", where=str(file), hint="leave out --mix"
            )
        scenarios, traces = saved_traces(model, results, options.scenario)
        offers = Offers(model, scenarios, traces)
        for trace in traces:
            address = offers.whole(trace.address)
            offers.follower(address.scenario, address.run, address.host)
        return offers, traces[0].address.link() if len(traces) == 1 else "/"
    scenario = scenario_for(model, options.what)
    run = run_name(one_mix(scenario, options, model), one_build(options, model))
    offers = Offers(model, [scenario])
    offers.follower(scenario.name, run, model.host_name)
    return offers, Address(scenario.name, run, model.host_name).link()
