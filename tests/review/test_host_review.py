"""A review of hosts says what a change of the Component Model breaks, of which release."""

from __future__ import annotations

import pytest

from wakeproof.errors import Exit, InputError
from wakeproof.language.model import BUNDLED
from wakeproof.review.host_review import review_hosts
from wakeproof.scenario.file import find_scenario, read_scenario

THREADS = [read_scenario(find_scenario("waits-in-either-order"))]


@pytest.mark.slow
def test_the_host_after_pull_request_705_overwrites_frames_in_every_release() -> None:
    result = review_hosts("wasmtime_50", "spec_6d28164", THREADS, BUNDLED)
    broken = {(change.property, change.mix) for change in result.changes if change.word == "broken"}
    expected = {
        (prop, f"{version}/{version}/{version}")
        for prop in ("no-frame-overwritten", "stack-pointer-restored")
        for version in ("v1", "v2", "v3")
    }
    assert broken == expected
    assert all(change.trace for change in result.changes)
    assert result.status == Exit.NOT_AS_EXPECTED


def test_the_host_before_it_mends_what_the_newer_breaks() -> None:
    result = review_hosts("spec_6d28164", "wasmtime_50", THREADS, BUNDLED)
    assert {change.word for change in result.changes} == {"fixed"}
    assert result.status == Exit.AS_EXPECTED


def test_a_host_beside_itself_and_an_unknown_one_are_refused() -> None:
    with pytest.raises(InputError, match="against itself"):
        review_hosts("wasmtime_50", "wasmtime_50", THREADS, BUNDLED)
    with pytest.raises(InputError, match="unknown host 'wasmtime_49'"):
        review_hosts("wasmtime_50", "wasmtime_49", THREADS, BUNDLED)
