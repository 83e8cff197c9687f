"""The conditions of `wellformed.toml` are read strictly: the folder of a model is not trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeproof.errors import InputError
from wakeproof.scenario.wellformed import rules_of


@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('true')",
        "p.__class__.__mro__[0]",
        "open('x')",
        "(lambda: True)()",
        "[y for y in Task]",
        "any([True])",
        "'text' == p.root",
        "p.root[x] :=",
        "(y := x)",
        "x + 1",
    ],
)
def test_what_is_not_a_condition_is_refused_before_it_runs(condition: str, tmp_path: Path) -> None:
    text = f'[[derived]]\nparameter = "root"\nfor = "Task"\nis = """{condition}"""\n'
    (tmp_path / "wellformed.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="not a condition"):
        rules_of(tmp_path)
