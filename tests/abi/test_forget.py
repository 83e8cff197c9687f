"""Operations and ends that are leaked with `mem::forget`."""

from __future__ import annotations

import pytest

from tests.abi.program import Program
from wakeproof.language.primitives import WentWrong

READS_AND_FORGETS = ("call_export export", "poll read", "forget_operation read")


def test_a_copy_goes_on_when_its_operation_is_forgotten() -> None:
    program = Program("forget", "v3/v2/v3")
    program.take(*READS_AND_FORGETS)
    with pytest.raises(WentWrong, match="stream_copy::not-idle"):
        program.take("poll second-read")


def test_a_reader_is_busy_when_its_read_is_forgotten() -> None:
    program = Program("forget", "v3/v2/v3")
    program.take(*READS_AND_FORGETS)
    with pytest.raises(WentWrong, match=r"CopyEnd\.drop::copying"):
        program.take("drop_reader input")


def test_a_reader_is_idle_again_when_the_event_of_a_forgotten_read_was_delivered() -> None:
    program = Program("forget", "v3/v2/v3")
    program.take(*READS_AND_FORGETS, "return_pending", "peer_copy input", "deliver_event export h1")
    program.take("poll second-read")
    assert program.value("state", "second-read") == "IN_PROGRESS"
    assert program.value("state", "read") == "IN_PROGRESS"


def test_a_task_that_is_done_waits_for_a_forgotten_read() -> None:
    program = Program("forget", "v3/v2/v3")
    program.take(*READS_AND_FORGETS, "return_ready")
    assert program.value("host_task", "export") == "RESOLVED"
    assert program.value("phase", "export") == "WAITING"


def test_a_reader_that_is_forgotten_stays_in_the_table() -> None:
    program = Program("forget", "v3/v2/v3")
    program.take("call_export export", "forget_reader input", "return_ready")
    assert program.value("alive", "export") is False
    assert program.value("slot", "h1") == "STREAM_READ"
    assert program.value("dropped", "input") is False
