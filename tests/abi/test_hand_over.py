"""Readers that are handed over to another component, and come back."""

from __future__ import annotations

import pytest

from tests.abi.program import Program
from wakeproof.language.primitives import GuardFailed, WentWrong


def test_a_reader_that_comes_back_has_a_new_handle_and_reads_what_was_written() -> None:
    program = Program("hand-over", "v3/v2/v3")
    program.take("peer_copy input", "call_export export", "hand_over_reader input")
    assert program.value("readable", "input") is None
    assert program.value("slot", "h1") == "FREE"
    program.take("take_reader_back input", "poll read")
    assert program.value("state", "read") == "FREE", "the item was there"


def test_a_reader_that_was_read_to_its_end_cannot_be_handed_over() -> None:
    program = Program("hand-over", "v3/v2/v3")
    program.take("peer_drop input", "call_export export", "poll read")
    with pytest.raises(WentWrong, match="lift_async_value::not-idle"):
        program.take("hand_over_reader input")


def test_a_reader_whose_writer_is_gone_can_be_handed_over_before_it_was_read() -> None:
    program = Program("hand-over", "v3/v2/v3")
    program.take("peer_drop input", "call_export export", "hand_over_reader input")
    program.take("take_reader_back input", "poll read")
    assert program.value("copy_state", "h1") == "DONE"


def test_a_reader_that_an_operation_uses_cannot_be_handed_over() -> None:
    program = Program("hand-over", "v3/v2/v3")
    program.take("call_export export", "poll read")
    with pytest.raises(GuardFailed):
        program.take("hand_over_reader input")


def test_a_reader_that_is_dropped_elsewhere_does_not_come_back() -> None:
    program = Program("hand-over", "v3/v2/v3")
    program.take("call_export export", "hand_over_reader answer", "return_ready")
    program.take("drop_handed_reader answer", "call_export export")
    assert program.value("dropped", "answer") is True
    with pytest.raises(GuardFailed):
        program.take("take_reader_back answer")
