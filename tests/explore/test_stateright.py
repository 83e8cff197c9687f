"""Another search over the same compiled successors finds as many states as Wakeproof's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ladder import LADDER, Rung
from bench.ours import measured
from bench.stateright import missing, stateright

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("rung", LADDER[:5], ids=lambda rung: rung.name)
def test_stateright_finds_the_same_number_of_states(rung: Rung, tmp_path: Path) -> None:
    """Wakeproof stores exact keys, by what a step changes; stateright hashes the whole state."""
    if missing():
        pytest.skip(missing())
    ours = measured(rung.file(tmp_path), 2, None)["states"]
    assert stateright(rung.instance(tmp_path), threads=2).states == ours
