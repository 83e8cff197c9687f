"""A scenario as a test, with the public API of Wakeproof: `pytest examples/pytest`."""

import wakeproof


def test_subtasks_do_as_expected() -> None:
    verdicts = wakeproof.check_scenario("subtask", mix="v3/v2/v3")
    assert [verdict for verdict in verdicts if not verdict.as_expected] == []


def test_no_callback_is_stale_in_v3() -> None:
    (verdict,) = wakeproof.check_scenario("subtask", mix="v3/v2/v3", property="no-stale-callback")
    assert verdict.verdict == "holds", str(verdict)
