"""What an explorer offers: the scenarios of a model, the traces of a file, runs that are ready."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.check.carried import scenario_of
from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.scenario.file import Scenario, bundled_scenarios
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import (
    build_of,
    mix_name,
    newest_mix,
    read_run_name,
    run_name,
)
from wakeproof.util.result_cache import digest
from wakeproof.web.address import MOST_STEPS, Address
from wakeproof.web.path import Follower

MOST_RUNS = 64
"""The runs that are kept ready."""


@dataclass(frozen=True)
class SavedTrace:
    """A trace of a results file: what it violates, and the address of its end."""

    says: str
    address: Address


class Offers:
    """The scenarios of a model, the traces of a file; runs of them are made when they are used.

    Only scenarios that are bundled, or that the command line names, are read: a link cannot name
    another file. Raises `InputError` for a scenario or a mix that there is not.
    """

    def __init__(
        self, model: Model, scenarios: Sequence[Scenario] = (), traces: Sequence[SavedTrace] = ()
    ) -> None:
        self.model = model
        self.traces = traces
        self.lock = threading.Lock()
        # what is read stays, as the model's texts do
        self.known = {scenario.name: scenario for scenario in scenarios}
        self.names = list(dict.fromkeys((*self.known, *(p.stem for p in bundled_scenarios()))))
        self.digests: dict[str, str] = {}
        self._follower = functools.lru_cache(maxsize=MOST_RUNS)(self._make)

    @property
    def scenarios(self) -> list[Scenario]:
        """All scenarios, those of the command line first."""
        return [self.scenario(name) for name in self.names]

    def prepare(self) -> None:
        """Read every scenario, so that the page that lists them is there at once."""
        addresses = [self.whole(Address(name)) for name in self.names]
        self.follower(addresses[0].scenario, addresses[0].run, addresses[0].host)

    def scenario(self, name: str) -> Scenario:
        """Return a scenario."""
        if name not in self.names:
            raise InputError(f"no scenario {name!r} here", hint="choose one on the first page")
        if name not in self.known:
            self.known[name] = scenario_for(self.model, name)
        return self.known[name]

    def whole(self, address: Address) -> Address:
        """Return an address with a mix, a host and the digest of the texts where it has none."""
        scenario = self.scenario(address.scenario)
        run = address.run or mix_name(newest_mix(scenario.mixes({}), self.model.versions))
        host = address.host or self.model.host_name
        model = address.model or self.digest(address.scenario)
        steps, at = address.steps, address.at
        if not steps and scenario.script is not None:
            steps, at = scenario.script, at or 0
        return dataclasses.replace(
            address, run=run, host=host, model=model, steps=tuple(steps), at=at
        )

    def follower(self, scenario: str, run: str, host: str) -> Follower:
        """Return what takes the steps of a scenario in one mix on one host."""
        with self.lock:
            return self._follower(scenario, run, host)

    def _make(self, name: str, run: str, host: str) -> Follower:
        scenario = self.scenario(name)
        mix, build = read_run_name(run, list(scenario.roles))
        return Follower(Instance(scenario, mix, self.model.with_host(host), build))

    def digest(self, scenario: str) -> str:
        """Return the digest of the texts that decide which steps there are."""
        if scenario not in self.digests:
            found = hashlib.sha256()
            for text in self.model.texts:
                found.update(digest(text).encode())
            own = dataclasses.replace(self.scenario(scenario), path=Path())
            found.update(repr(own).encode())
            self.digests[scenario] = found.hexdigest()[:12]
        return self.digests[scenario]

    def mixes(self, scenario: Scenario) -> list[str]:
        """Return the mixes of a scenario, the newest last."""
        return [mix_name(mix) for mix in scenario.mixes({})]


def saved_traces(
    model: Model, results: Sequence[Mapping[str, Any]], scenario: str | None = None
) -> tuple[list[Scenario], list[SavedTrace]]:
    """Return the scenarios, which a results file carries, and its traces.

    The steps are taken in `scenario` instead of that of the file, if one is given. Raises
    `InputError` for a scenario that there is not, and a trace that is longer than a path can be.
    """
    scenarios: dict[str, Scenario] = {}
    traces = []
    for result in results:
        name = scenario or scenario_of(result)
        if name not in scenarios:
            scenarios[name] = scenario_for(model, name)
        own = scenarios[name]
        run = run_name(dict(result["mix"]), build_of(result))
        for violation in result["violations"]:
            rows, loop = violation["trace"], violation.get("loop")
            if len(rows) > MOST_STEPS:
                raise InputError(
                    f"a trace of {len(rows)} steps", hint=f"a path has {MOST_STEPS} steps at most"
                )
            steps = tuple(" ".join((row["action"], *row["arguments"].values())) for row in rows)
            what = result["property"] or "a walk"
            says = f"{what} at {violation['site']}" if violation["site"] else what
            host = model.host or result.get("host", "")
            traces.append(
                SavedTrace(says, Address(own.name, run, host, steps=steps, at=0, loop=loop))
            )
    return list(scenarios.values()), traces
