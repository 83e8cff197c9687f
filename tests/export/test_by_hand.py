"""Programs that cancel, forget or only make operations by hand, and hand readers over."""

from __future__ import annotations

import dataclasses

import pytest

from tests.export.saved import scripted
from tests.support import needs_cargo
from wakeproof.errors import InputError
from wakeproof.export.rust.files import rust_crate, rust_test
from wakeproof.export.rust.program import RustTest
from wakeproof.findings.run_crates import CrateRun, run_crates

READS_AND_FORGETS = ("call_export export", "poll read", "forget_operation read")
LOSER_IS_CANCELLED = (
    "call_export export",
    "poll write",
    "poll read",
    "return_pending",
    "peer_drop output",
    "peer_copy input",
    "deliver_event export h1",
    "cancel_operation write",
    "poll read",
)
FUTURE_IS_CANCELLED = (
    "call_export reads",
    "make_operation write",
    "cancel_operation write",
    "poll read",
    "cancel_operation read",
    "drop_reader promise",
)
COMES_BACK = (
    "peer_copy input",
    "call_export export",
    "hand_over_reader input",
    "hand_over_reader answer",
    "take_reader_back input",
    "poll read",
    "return_ready",
    "drop_handed_reader answer",
)
ITEM_IS_READ = (
    "call_export export",
    "poll read",
    "return_pending",
    "peer_copy input",
    "deliver_event export h1",
    "poll read",
)
ITEM_IS_LOST = (
    *ITEM_IS_READ,
    "poll write",
    "forget_operation write",
    "return_pending",
    "peer_copy output",
    "deliver_event export h2",
)


def body_of(test: RustTest) -> list[str]:
    """Return the lines of the first async function of the test."""
    text = rust_test(test)["test.rs"].partition("    async fn ")[2].partition("\n    }\n")[0]
    return [line.strip() for line in text.splitlines()[1:]]


def crate_of(test: RustTest) -> dict[str, str]:
    return rust_crate(test, 'version = "=0.63.0"', (), "0.63.0")


# --- what is written ------------------------------------------------------------------------------


def test_a_stream_is_borrowed_until_its_read_is_forgotten() -> None:
    test = scripted("forget", *READS_AND_FORGETS, "poll second-read", violated="no-trap")
    assert body_of(test) == [
        "let mut input_reader = INPUT_READER.take().unwrap();",
        "let mut read = Box::pin(input_reader.read(Vec::with_capacity(1)));",
        "assert!(poll_once(&mut read).await.is_pending());",
        "std::mem::forget(read);",
        "let mut second_read = Box::pin(input_reader.read(Vec::with_capacity(1)));",
        "let _ = poll_once(&mut second_read).await;",
    ]


def test_what_cancel_gives_is_checked() -> None:
    lines = body_of(scripted("cancel-explicit", *LOSER_IS_CANCELLED))
    at = lines.index("assert_eq!(write.as_mut().cancel().0, StreamResult::Dropped);")
    assert lines[at + 1 :] == [
        "drop(write);",
        "assert!(poll_once(&mut read).await.is_ready());",
        "drop(read);",
    ]


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        (("make_operation read", "cancel_operation read"), "Cancelled"),
        (("poll read", "cancel_operation read"), "Cancelled"),
        (("poll write", "cancel_operation write"), "Cancelled"),
        (
            (
                "poll read",
                "poll write",
                "return_pending",
                "peer_copy input",
                "peer_copy output",
                "deliver_event export h2",
                "cancel_operation read",
            ),
            "Complete(1)",
        ),
        (
            (
                "poll read",
                "return_pending",
                "peer_copy input",
                "peer_drop input",
                "deliver_event export h1",
                "cancel_operation read",
            ),
            "Complete(1)",
        ),
    ],
)
def test_cancel_gives_what_was_copied_until_then(steps: tuple[str, ...], result: str) -> None:
    lines = body_of(scripted("cancel-explicit", "call_export export", *steps))
    assert any(line.endswith(f".cancel().0, StreamResult::{result});") for line in lines)


def test_the_end_of_a_future_comes_back_when_its_operation_is_cancelled() -> None:
    assert body_of(scripted("cancel-future", *FUTURE_IS_CANCELLED)) == [
        "let mut write = Box::pin(PROMISE_WRITER.take().unwrap().write(1));",
        "if let FutureWriteCancel::Cancelled(_, writer) = write.as_mut().cancel() {",
        "PROMISE_WRITER.set(Some(writer));",
        "}",
        "let mut read = Box::pin(PROMISE_READER.take().unwrap().into_future());",
        "assert!(poll_once(&mut read).await.is_pending());",
        "PROMISE_READER.set(read.as_mut().cancel().err());",
        "drop(PROMISE_READER.take());",
    ]


def test_an_operation_that_is_over_is_kept_where_the_program_keeps_it() -> None:
    steps = ("call_export reads", "poll read", "poll write", "cancel_completed write")
    lines = body_of(scripted("cancel-future", *steps, violated="no-panic"))
    assert lines[-2:] == [
        "assert!(poll_once(&mut write).await.is_ready());",
        "let _ = write.as_mut().cancel();",
    ]


def test_a_variable_that_is_only_made_and_dropped_is_constant() -> None:
    steps = ("call_export export", "make_operation read", "drop_operation read false")
    assert body_of(scripted("cancel-explicit", *steps))[1:] == [
        "let read = Box::pin(input_reader.read(Vec::with_capacity(2)));",
        "drop(read);",
    ]


def test_a_poll_that_waits_and_the_next_one_are_an_await() -> None:
    lines = body_of(scripted("forget", *ITEM_IS_READ, "forget_reader input"))
    assert lines[2:] == ["let _ = read.await;", "std::mem::forget(input_reader);"]


def test_ends_are_put_back_where_a_function_ends() -> None:
    lines = body_of(scripted("forget", *READS_AND_FORGETS, "return_ready"))
    assert lines[-1] == "INPUT_READER.set(Some(input_reader));"


def test_a_reader_is_handed_over_to_an_import_of_a_third_component() -> None:
    files = rust_test(scripted("hand-over", *COMES_BACK))
    assert set(files) == {"test.wit", "test.rs", "runner.rs", "leaf.rs", "compose.wac"}
    assert "  hand-over-input: func(reader: stream<u8>);" in files["test.wit"]
    assert "  take-answer-back: func() -> future<u8>;" in files["test.wit"]
    assert "INPUT_READER.set(Some(take_input_back()));" in files["test.rs"]
    assert "\n        drop_answer();\n\n        // Everybody lets go." in files["runner.rs"]
    assert "GATE" not in files["leaf.rs"]


def test_a_crate_has_the_imports_to_which_readers_are_handed_over() -> None:
    files = crate_of(scripted("hand-over", *COMES_BACK))
    component = files["src/component.rs"]
    assert "fn hand_over_answer(reader: FutureReader<u8>) {" in component
    assert "fn take_input_back() -> StreamReader<u8> {" in component
    assert "take_answer_back" not in component
    assert "the other component drops `answer`" in files["src/main.rs"]


def test_what_is_lost_is_counted_at_both_ends() -> None:
    test = scripted("forget", *ITEM_IS_LOST, violated="no-lost-item")
    files = rust_test(test)
    assert "  items: func() -> u32;" in files["test.wit"]
    assert (
        "items_outside += copied(output.read(Vec::with_capacity(1)).await.0);" in files["runner.rs"]
    )
    assert "assert_eq!(items(), items_outside, " in files["runner.rs"]
    assert 'Component::items() == host::items("output")' in crate_of(test)["src/main.rs"]


def test_a_crate_has_nothing_left_in_its_table_of_handles() -> None:
    steps = ("call_export export", "forget_reader input", "return_ready")
    main = crate_of(scripted("forget", *steps, violated="no-leak"))["src/main.rs"]
    assert "|| host::is_empty_after(Component::let_go)" in main


def test_a_peer_of_a_channel_that_the_program_does_not_use_is_written() -> None:
    files = rust_test(scripted("forget", "peer_drop output", "call_export export"))
    assert "drop(output);" in files["runner.rs"]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (
            ("call_export first", "make_operation read", "move_to_storage read"),
            "step 3: to move read into or out of shared storage cannot be written as Rust beside "
            "cancel",
        ),
        (
            ("call_sync_export", "make_operation read"),
            "step 2: an operation that no future makes cannot be written",
        ),
        (
            (
                "call_export first",
                "make_operation read",
                "drop_operation read false",
                "block_on second",
                "drop_reader pipe",
            ),
            "step 5: that two futures use the reader of pipe by turns cannot be written",
        ),
        (
            (
                "call_export first",
                "make_operation read",
                "drop_operation read false",
                "poll write",
                "return_pending",
                "request_cancellation first",
                "drop_operation write false",
                "finish_drop",
            ),
            "step 8: that a future is dropped and the reader of pipe stays cannot be written",
        ),
        (
            (
                "call_export first",
                "make_operation read",
                "poll write",
                "return_pending",
                "request_cancellation first",
                "cancel_operation read",
            ),
            "step 6: a destructor that uses operations or ends cannot be written",
        ),
    ],
)
def test_what_no_variable_can_hold_is_refused(lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(InputError, match=why):
        scripted("everything", *lines)


def test_items_of_boxed_operations_are_not_counted() -> None:
    steps = ("peer_copy input", "call_export export", "poll read", "poll read", "return_pending")
    with pytest.raises(InputError, match="no test can count yet"):
        scripted("forget", *steps, violated="no-lost-item")


# --- on the crates --------------------------------------------------------------------------------


def test_the_programs_do_on_the_crates_what_the_model_does() -> None:
    needs_cargo()
    lost = scripted("forget", *ITEM_IS_LOST, violated="no-lost-item")
    other_channel = dataclasses.replace(lost.program, counts="input")
    programs = {
        "loser": scripted("cancel-explicit", *LOSER_IS_CANCELLED),
        "future": scripted("cancel-future", *FUTURE_IS_CANCELLED),
        "back": scripted("hand-over", *COMES_BACK),
        "lost": lost,
        "counted": dataclasses.replace(lost, program=other_channel),
    }
    named = [dataclasses.replace(test, name=name) for name, test in programs.items()]
    results = run_crates([CrateRun(test, "0.63.0", ()) for test in named])
    said = {result.run.test.name: result.line for result in results}
    assert said.pop("lost") == "FAILED: an item was lost on the way, or came twice"
    assert set(said.values()) == {"passed"}
