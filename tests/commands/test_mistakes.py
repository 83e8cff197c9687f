"""Mistakes of scenarios, scripts, versions and options: each is one message with a hint."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wakeproof.errors import Exit
from wakeproof.main import main

SCENARIO = """\
title = "Mistakes"
[sizes]
Task = 2
Future = 2
Operation = 1
Handle = 4
Channel = 1
[names]
Operation = ["read"]
[parameters]
kind = ["STREAM_READ"]
channel = [0]
remote = ["WRITE"]
opened = true
[program]
actions = ["call_export", "poll", "return_pending"]
[mixes]
export = ["v3"]
block_on = ["v3"]
import = ["v3"]
[otherwise]
verdict = "holds"
reason = "nothing breaks it"
[[expect]]
property = "no-trap"
verdict = "violated"
sites = ["host::stream_copy::not-idle"]
reason = "the stream is done"
"""
EXPECT = '[[expect]]\nproperty = "no-trap"\nverdict = "violated"\nreason = "again"\n'
PROGRAM = '[[task]]\nname = "task1"\ndoes = ["await read"]\n'

Refused = Callable[..., str]


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Refused:
    """Run a command that is refused; return its message, without a traceback."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["wakeproof", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        message = printed.err
        assert ended.value.code == Exit.WRONG_USE, printed.out + message
        assert "Traceback" not in message
        assert "unexpected failure" not in message
        for command in re.findall(r"`wakeproof ([^`A-Z]+)`", message):
            monkeypatch.setattr(sys, "argv", ["wakeproof", *command.split()])
            with pytest.raises(SystemExit) as works:
                main()
            assert works.value.code in (0, Exit.NOT_AS_EXPECTED), command
            capsys.readouterr()
        return message

    return run


SCENARIOS = [
    ("[sizes]", "[size]", ":2: unknown key 'size'\n  hint: did you mean sizes?"),
    ("Task = 2", "Tusk = 2", ":3: the model has no index type 'Tusk'\n  hint: did you mean Task?"),
    ("Task = 2\n", "", "no size for the index type Task\n  hint: write Task = 1 under [sizes]"),
    ("Task = 2", "Task = 65", ":3: sizes.Task: 65 is greater than the maximum of 64"),
    ("Task = 2", "Task = true", ":3: sizes.Task: True is not of type 'integer'"),
    ("Future = 2", "Future = 1", ":3: the task task2 has no future of its own"),
    ("Handle = 4", "Handle = 0", "there is no room for a handle\n  hint: write Handle = 4"),
    ('["read"]', '["read", "write"]', ":9: 2 names for 1 member of Operation"),
    ('["read"]', '["re ad"]', "names.Operation.0: 're ad' does not match"),
    ('["read"]', '["read", "read"]', "has non-unique elements"),
    ("kind =", "kinds =", ":11: the model has no parameter 'kinds'\n  hint: did you mean kind?"),
    ("STREAM_READ", "STREAM_REED", ":11: 'STREAM_REED' is not of type OperationKind\n  hint: did"),
    ("STREAM_READ", "SUBTASK", "the operation read has a kind and a channel that do not fit"),
    ("channel = [0]\n", "", "the operation read has a kind and a channel that do not fit"),
    ("channel = [0]", "channel = [1]", ":12: channel: 1 is not of type Channel | None\n  hint: "),
    ("channel = [0]", "channel = [0, 0]", ":12: channel needs a list of 1 value, one for each"),
    ("WRITE", "READ", ":13: the end that the operation read uses is held by the peer"),
    ("opened = true", 'opened = "yes"', ":14: 'yes' is not of type bool\n  hint: write true or"),
    ("opened = true\n", "", "the channel of the operation read is never opened"),
    ("opened = true", "opened = true\nis_future = true", "reads or writes a stream where its"),
    ("opened = true", "opened = true\nitems = 9", ":15: items: 9 is not of type Items\n  hint: wr"),
    ("opened = true", "opened = true\nroot = [0, 0]", ":15: the task task1 has the same root"),
    ("opened = true", "opened = true\ntask_of = [1, 0]", "is not a future of that task"),
    ("opened = true", "opened = true\nnext_handle = [1, 0, 3, 2]", ":15: the free list goes from"),
    ("opened = true", "opened = true\nnext_handle = [1, 2, 3, 2]", "the free list comes to a"),
    ("opened = true", "opened = true\nfirst_handle = 4", ":15: first_handle: 4 is not of type"),
    ("opened = true", "opened = true\ndeferred_write = [0]", "is not a FUTURE_WRITE on it"),
    ("opened = true", "opened = true\ninter_task_wakeup = true", "has no wakeup stream\n  hint: w"),
    ("opened = true", "opened = true\ninter_task_channel = 0", "is the wakeup stream of a task"),
    (
        SCENARIO[SCENARIO.index("Channel") : SCENARIO.index("opened")],
        'Channel = 2\n[parameters]\nkind = ["STREAM_READ"]\nchannel = [0]\nremote = "WRITE"\n'
        "inter_task_channel = [1, '']\n",
        ":12: the wakeup stream of task1 is open from the beginning",
    ),
    ('"poll"', '"pol"', ":16: the model has no action 'pol'\n  hint: did you mean poll?"),
    ('"poll"', '"poll", "poll"', "has non-unique elements"),
    ('actions = ["call_export", "poll", "return_pending"]', "actions = []", "should be non-empty"),
    ("[mixes]", 'without = ["wake"]\n[mixes]', ":17: wake is not among the actions"),
    ("[mixes]", 'without = ["pol"]\n[mixes]', ":17: pol is not among the actions"),
    ("[mixes]", 'locks = ["m"]\n[mixes]', ":17: no program uses the lock m"),
    ("[mixes]", 'script = ["poll read"]\n[mixes]', "a script beside actions\n  hint: leave out"),
    ("[mixes]", 'program.never = "x"\n[mixes]', "unknown key 'program.program'"),
    ("[mixes]", '[program.never]\npol = "x"\n[mixes]', "unknown action 'pol'"),
    ("[mixes]", "[bounds]\nsteps = 0\n[mixes]", "bounds.steps: 0 is less than the minimum of 1"),
    ("[mixes]", '[progress]\nassume = ["peer"]\n[mixes]', "unknown assumption 'peer'"),
    ('export = ["v3"]', 'export = ["v4"]', ":18: unknown ABI version 'v4'\n  hint: "),
    ('export = ["v3"]', 'export = ["0.64.0"]', ":18: unknown ABI version '0.64.0'\n  hint: "),
    ('export = ["v3"]', "export = []", ":18: mixes.export: [] should be non-empty"),
    ('export = ["v3"]\n', "", "mixes: 'export' is a required property"),
    ("[otherwise]", 'features = ["async"]\n[otherwise]', "no feature 'async'\n  hint: did you me"),
    ('"holds"', '"hold"', ":22: otherwise.verdict: 'hold' is not one of"),
    ('"no-trap"', '"no-traps"', ":25: unknown property 'no-traps'\n  hint: did you mean no-trap?"),
    ("not-idle", "not-idel", ":27: unknown site 'host::stream_copy::not-idel'\n  hint: did you"),
    ('"no-trap"', '"no-panic"', "not-idle does not violate no-panic\n  hint: it is a trap"),
    ('verdict = "violated"', 'verdict = "holds"', "no-trap that holds at sites\n  hint: leave"),
    ("[[expect]]", f"{EXPECT}[[expect]]", ":29: an expectation of no-trap that never counts"),
    ("sites =", 'role = ["v3"]\nsites =', ":27: unknown key 'expect.0.role'"),
    ("sites =", 'export = ["v9"]\nsites =', ":27: unknown ABI version 'v9'"),
    ("sites =", 'host = ["wasmtime"]\nsites =', ":27: unknown host 'wasmtime'\n  hint: did you"),
    ("sites =", 'on = ["async"]\nsites =', ":27: unknown feature 'async'\n  hint: did you mean"),
    ("sites =", 'on = ["x"]\noff = ["x"]\nsites =', "no-trap with x on and off"),
    ("[[expect]]", PROGRAM.replace("task1", "task3") + "[[expect]]", ":25: no task 'task3'\n"),
    ("[[expect]]", PROGRAM * 2 + "[[expect]]", ":28: two programs for task1"),
    (
        "[[expect]]",
        PROGRAM.replace("await read", "await rea") + "[[expect]]",
        ":26: 'await rea': no Operat",
    ),
    (
        "[[expect]]",
        PROGRAM.replace("await read", "select read read") + "[[expect]]",
        ":26: 'select read read': select has the same argument twice",
    ),
    (
        "[[expect]]",
        PROGRAM.replace('"await read"', '"end", "await read"') + "[[expect]]",
        ":26: 'await read': the line before it ends the program",
    ),
    (
        "[[expect]]",
        PROGRAM + PROGRAM.replace('task1"', 'task2"').replace('"await read"', "1") + "[[expect]]",
        ":29: task.1.does.0: 1 is not of type 'string'",
    ),
    (
        '[names]\nOperation = ["read"]',
        '[names]\nTask = ["one", "two"]\nFuture = ["a", "b"]\nOperation = ["read"]\n'
        '[[task]]\nname = "one"\ndoes = ["spawn_local two"]',
        "two is a task; what is spawned is a Future: list all under [names] Future",
    ),
    (
        "Future = 2\nOperation = 1\nHandle = 4\nChannel = 1\n[names]\n",
        'Operation = 1\nHandle = 4\nChannel = 1\n[[task]]\nname = "child"\ndoes = ["wake_self"]\n'
        '[names]\nTask = ["one", "two"]\nFuture = ["child"]\n',
        'and the list has 1\n  hint: write Future = ["one-body", "two-body", "child"]',
    ),
    ("title =", "\ufefftitle =", ":1: begins with a byte-order mark\n  hint: save it as UTF-8"),
    ("[[expect]]", '[[task]]\nname = "task1"\n[[expect]]', "task.0: 'does' is a required prope"),
    ("[[expect]]", PROGRAM.replace('["await read"]', "[]") + "[[expect]]", "should be non-empty"),
    ("title =", "base = 'mine.toml'\ntitle =", "the scenario is its own base"),
    ("title =", "base = 'other.toml'\ntitle =", "other.toml: cannot be read: No such file"),
    ("title =", "title", ":1: not TOML: "),
]


@pytest.mark.parametrize(("old", "new", "message"), SCENARIOS)
def test_a_mistake_in_a_scenario_is_refused(
    old: str, new: str, message: str, refused: Refused, tmp_path: Path
) -> None:
    assert old in SCENARIO
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO.replace(old, new, 1), encoding="utf-8")
    found = refused("check", "mine.toml", "--explorer", "plain", "--max-states", "200")
    assert message in found
    assert "mine.toml:" in found or "other.toml:" in found


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("cal_export task1", "steps.txt:1: the model has no action 'cal_export'\n  hint: did you"),
        ("call_export", "steps.txt:1: call_export takes 1 argument, not 0\n  hint: write call_ex"),
        ("call_export task9", "steps.txt:1: 'task9' is not of type Task\n  hint: did you mean"),
        ("# nothing\npoll read", "steps.txt:2: poll read is not possible here: there is none: "),
        ("call_export task1\nwake task1", "'task1' is not of type Future"),
        ("call_export task1\ncall_export task1", "steps.txt:2: call_export task1 is not possible"),
        ("\0", "steps.txt:1: the model has no action"),
    ],
)
def test_a_mistake_in_a_script_is_refused(
    lines: str, message: str, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "steps.txt").write_text(lines, encoding="utf-8")
    assert message in refused("simulate", "mine.toml", "--script", "steps.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('BASE = "v4"\n', "mine.py:1: unknown ABI version 'v4'"),
        ('BASE = "mine"\n', "mine.py:1: version 'mine' is its own base"),
        ('BASE = "v3"\nx = (\n', "mine.py:2: not Python"),
        ('BASE = "v3"\nimport os\n', "mine.py:2: Import at the top of a model file"),
        (
            'BASE = "v3"\ndef nothing() -> None:\n    return\n',
            "mine.py:2: nothing overrides nothing",
        ),
        ('BASE = "v3"\ndef exists(o: Task) -> bool:\n    return True\n', "mine.py:2: "),
    ],
)
def test_a_mistake_in_a_version_is_refused(
    text: str, message: str, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    assert message in refused("check", "spawn-off", "--executor", "mine", "--model", tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("check spawm", "no scenario 'spawm'\n  hint: did you mean spawn"),
        ("check spawn --executor v4", "unknown ABI version 'v4'"),
        ("check spawn --mix v3/v3", "'v3/v3' is not a mix\n  hint: write export/block_on/import"),
        ("check spawn --property no-panics", "unknown property 'no-panics'\n  hint: did you mean"),
        (
            "check spawn --host wasmtime",
            "unknown host 'wasmtime'\n  hint: did you mean wasmtime_50",
        ),
        ("check spawn --on async", "unknown feature 'async'\n  hint: did you mean async-spawn?"),
        ("check spawn --model nowhere", "nowhere: no such folder"),
        ("check cancel-asleep --mix v3/v3/v3", "no scenario names any of these mixes and builds"),
        ("show v33", "no scenario 'v33'"),
        ("show v3 --against v33", "unknown ABI version 'v33'"),
        ("list parameter", "'parameter' is not one of"),
        ("new", "missing argument 'FILE'"),
        ("new a.toml --from spin", "no symptom or scenario 'spin'\n  hint: did you mean spins"),
        ("replay nothing.json", "nothing.json: cannot be read"),
        ("simulate cancel-asleep --executor v2_draft", "the scenario names none of these mixes"),
        ("export spawn --to smtlib", "smtlib needs a number of steps\n  hint: add --steps N"),
        ("findings no-such", "unknown finding 'no-such'"),
    ],
)
def test_a_mistake_in_the_options_is_refused(words: str, message: str, refused: Refused) -> None:
    assert message in refused(*words.split())


def test_the_table_has_60_mistakes() -> None:
    assert len(SCENARIOS) >= 60
