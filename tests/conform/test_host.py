"""The model's host layer against Wasmtime, and wrong models that the comparison must catch."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.support import Alter
from wakeproof.conform.host.compare import compare_host
from wakeproof.conform.host.traps import KNOWN_DIFFERENCES, TRAPS
from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.report.conformance_text import host_text


def test_no_unexplained_divergence() -> None:
    result = compare_host(seed=1, calls=30_000)
    assert not result.divergences, host_text(result)
    assert result.calls >= 30_000
    assert len(result.events) == 5
    assert len(result.traps) >= len(TRAPS) - 3, result.unreached
    assert set(result.explained) <= {known.id for known in KNOWN_DIFFERENCES}
    assert host_text(result).endswith("no unexplained divergence")


def test_same_seed_same_sequences() -> None:
    first, second = compare_host(seed=7, calls=600), compare_host(seed=7, calls=600)
    assert (first.sequences, first.builtins, first.traps) == (
        second.sequences,
        second.builtins,
        second.traps,
    )


WRONG_MODELS = {
    "a lost join": (
        "hosts/spec_26e6ea9d.py",
        "    s.wset[waitable] = wset\n",
        "    s.wset[waitable] = s.wset[waitable]\n",
        "waitable-set.poll",
    ),
    "a forgotten trap": (
        "hosts/spec_26e6ea9d.py",
        '        trap("host::WaitableSet.drop::not-empty")\n',
        "        return\n",
        "waitable-set.drop",
    ),
    "a wrong result code": (
        "host.py",
        "            return Code.CANCELLED_1\n",
        "            return Code.COMPLETED_1\n",
        "stream.cancel-",
    ),
    "an event that is delivered twice": (
        "host.py",
        "    pending = s.pending[handle]\n    s.pending[handle] = Pending.NOTHING\n",
        "    pending = s.pending[handle]\n",
        "",
    ),
    "handles that are not reused": (
        "host.py",
        "    s.next_free[handle] = s.free_head\n    s.free_head = handle\n",
        "    s.next_free[handle] = None\n",
        ".new",
    ),
    "a wait that nothing ends": (
        "hosts/spec_26e6ea9d.py",
        "        s.sync_waiter[handle] = True\n    return code\n",
        "        s.sync_waiter[handle] = False\n    return code\n",
        "",
    ),
    "a cancellation that waits for a callee that has answered": (
        "hosts/spec_26e6ea9d.py",
        "    return take_resolution(handle) if resolved(handle) else Code.BLOCKED\n",
        "    return Code.BLOCKED\n",
        "subtask.cancel-async",
    ),
    "a subtask that is dropped early": (
        "host.py",
        "    if not s.resolve_delivered[handle]:\n",
        "    if not resolved(handle):\n",
        "subtask.drop",
    ),
}


@pytest.mark.slow(but=1)
@pytest.mark.parametrize("name", WRONG_MODELS)
def test_wrong_model_is_caught(name: str, alter: Alter) -> None:
    file, old, new, builtin = WRONG_MODELS[name]
    result = compare_host(seed=1, calls=4_000, model=Model(alter(file, old, new)))
    assert result.divergences
    assert any(builtin in d.calls[-1].builtin for d in result.divergences), host_text(result)
    assert all(len(d.calls) <= 12 for d in result.divergences), host_text(result)
    assert "unexplained divergence" in host_text(result)


def test_without_wasmtime(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name.startswith("wasmtime"):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(InputError) as error:
        compare_host(seed=0, calls=10)
    assert "pip install" in error.value.hint
