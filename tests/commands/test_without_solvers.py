"""Solvers are imported where they are used: other commands do without, and a message names them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wakeproof.bundled import ROOT
from wakeproof.errors import Exit

MODULES = ("pysat", "z3", "cvc5", "bitwuzla")
CERTIFICATE = """; wakeproof certificate: wake
; obligations: 1
(set-logic QF_BV)
(echo "goal")
(check-sat-assuming (false))
"""


@pytest.fixture
def blocked(tmp_path: Path) -> dict[str, str]:
    """An environment in which no solver can be imported, in worker processes neither."""
    for module in MODULES:
        text = f"raise ModuleNotFoundError('blocked', name={module!r})\n"
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "wake.smt2").write_text(CERTIFICATE, encoding="utf-8")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


def run(words: str, environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """The status and the errors of a command."""
    command = [sys.executable, "-m", "wakeproof", *words.split()]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "check yield --explorer plain --mix v2/v2/v2",
        "simulate yield --steps 2",
        "list scenarios",
        "export yield --to promela --output yield.pml",
        "prove --help",
    ],
)
def test_a_command_that_needs_no_solver_does_without(
    words: str, blocked: dict[str, str], tmp_path: Path
) -> None:
    status, errors = run(words, blocked, tmp_path)
    assert status == Exit.AS_EXPECTED, errors
    assert "hint:" not in errors


@pytest.mark.parametrize(
    ("words", "package", "hint"),
    [
        ("prove --infer --property one-home --tasks 1", "python-sat", "python-sat"),
        ("export yield --to smtlib --property one-home --steps 2", "z3-solver", "z3-solver"),
        ("recheck certificates", "cvc5", "'wakeproof[proofs]'"),
        ("recheck certificates --solver z3", "z3-solver", "z3-solver"),
        ("recheck certificates --solver bitwuzla", "bitwuzla", "'wakeproof[proofs]'"),
    ],
)
def test_a_solver_that_is_missing_is_named(
    words: str, package: str, hint: str, blocked: dict[str, str], tmp_path: Path
) -> None:
    status, errors = run(words, blocked, tmp_path)
    assert errors == f"wakeproof: {package} is not installed\n  hint: pip install {hint}\n"
    assert status == Exit.WRONG_USE
