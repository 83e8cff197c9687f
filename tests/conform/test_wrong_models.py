"""The wrong models of the component tests can be made, also where no component can be built."""

from __future__ import annotations

import pytest

from tests.conform.wrong_models import WRONG_MODELS
from tests.support import Alter


@pytest.mark.parametrize("name", WRONG_MODELS)
def test_the_text_that_a_wrong_model_replaces_is_in_the_model_once(name: str, alter: Alter) -> None:
    file, _, new = WRONG_MODELS[name]
    assert new in (alter(*WRONG_MODELS[name]) / file).read_text(encoding="utf-8")
