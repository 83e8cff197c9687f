"""Inputs whose options, or variables of the environment, are made from valid ones."""

from __future__ import annotations

import random

from tests.fuzz.inputs import Input
from tests.fuzz.mutations import NUMBERS, WORDS, hostile

PATHS = [
    *(
        "",
        "x.json",
        "missing/x.json",
        ".",
        "/dev/null",
        "x" * 300,
        "a\nb",
        "/proc/x",
        "\N{SNOWMAN}.json",
    ),
    *(
        "/dev/full",
        "-",
        "--",
        "x/",
        "a b",
        "[red].md",
        "\udcff.json",
        "mine.toml",
        "~",
        "x.md",
        "x.toml",
    ),
]
"""Paths to which a command may write here."""

PLAIN = [word for word in WORDS if "\x00" not in word]
"""Words that the arguments of a process can be."""

FLAGS = [
    "--quiet",
    "--symmetry",
    "--resume",
    "--every-build",
    "--no-such",
    "--help",
    "-h",
    "--json",
]
NUMBERED = ["--max-states", "--timeout", "--memory", "--steps", "--seed", "--swarm", "--max-pairs"]
NAMED = [
    *("--mix", "--executor", "--block-on", "--import", "--on", "--off", "--property", "--host"),
    *("--model", "--explorer", "--scenario", "--against", "--to", "--site", "--size", "--color"),
]
WRITTEN = ["--json", "--report", "--checkpoint", "--output"]
BASES = [
    *(["check", "subtask", "--mix", "v1/v1/v1", "--max-states", "50"], ["simulate", "subtask"]),
    *(["show", "subtask"], ["show", "v2", "--against", "v1"], ["list"], ["list", "sites"], []),
    ["graph", "stream-after-drop", "--by", "phase"],
    *(["export", "yield", "--to", "tla"], ["conform", "host", "--calls", "20"], ["conform"]),
]
"""Commands that are short with any of the options above."""

REFUSED = [
    *("check --max-states 0", "check --max-states x", "check --timeout nan", "check --timeout -1"),
    *(
        "check --memory 5Q",
        "check --explorer x",
        "check no-such",
        "check --mix v1",
        "check --mix v1/v1",
    ),
    *(
        "check --mix v9/v9/v9",
        "check --resume",
        "check --time 9",
        "check --on zzz",
        "check --host zzz",
    ),
    *(
        "check --property zzz",
        "check --model missing",
        "check --json missing/x",
        "check --report .",
    ),
    *(
        "prove --size Task=x",
        "prove --tasks 0",
        "prove --property zzz",
        "prove --mix zzz",
        "prove zzz",
    ),
    *(
        "recheck",
        "recheck missing",
        "recheck .",
        "replay missing.json",
        "releases",
        "releases missing",
    ),
    *(
        "export subtask",
        "export subtask --to zzz",
        "export missing --to tla",
        "findings zzz",
        "zzz",
    ),
    *("graph", "graph zzz", "graph subtask --by zzz", "graph yield --max-states 9"),
    *("review", "review v3", "review zzz --against v2", "review v3 --against zzz", "list zzz"),
    *(
        "simulate",
        "simulate zzz",
        "simulate subtask --steps 0",
        "simulate subtask --script missing",
    ),
    *("explore zzz", "explore missing.json", "explore subtask --mix zzz", "explore --port -1"),
    *("conform zzz", "conform spec missing", "conform guest --walks 0", "conform host --calls x"),
    *(
        "show zzz",
        "show subtask zzz",
        "--color zzz list",
        "--no-such",
        "conform component --mix zzz",
    ),
]
"""Commands that are always wrong."""


def option(rng: random.Random) -> Input:
    """A command with options."""
    if rng.random() < 0.3:
        words = rng.choice(REFUSED).split()
        # what comes later does not mend it
        if rng.random() < 0.5:
            words = [
                word.replace("zzz", rng.choice(["zzz", "\N{SNOWMAN}", "z" * 2_000]))
                for word in words
            ]
        return Input("option", tuple(words), refused=True)
    words = list(rng.choice(BASES))
    for _ in range(rng.choice([1, 1, 2, 3])):
        match rng.randrange(6):
            case 0:
                words.append(rng.choice(FLAGS))
            case 1:
                words += [rng.choice(NUMBERED), rng.choice([*NUMBERS, *PLAIN])]
            case 2 | 3:
                words += [
                    rng.choice(NAMED),
                    rng.choice([*PLAIN, "v1", "v1,v2", "v1/v1/v1,", "native"]),
                ]
            case 4:
                words += [rng.choice(WRITTEN), rng.choice(PATHS)]
            case _:
                words.insert(rng.randrange(len(words) + 1), hostile(rng).replace("\x00", ""))
    if "--swarm" in words:
        words += ["--time", "0.2"]
    return Input("option", tuple(words), {"mine.toml": b"title = 1\n"})


ENVIRONMENT: dict[str, list[str]] = {
    "CC": ["", " ", "no-such-cc", "'", 'a"b', "true", "false", "cc -O0", "cc --no-such", "/", "."],
    "CFLAGS": ["", "-O0", "'", "--no-such-option", "-DX=\N{SNOWMAN}", "-o x", "-E", "-c", "-"],
    "WAKEPROOF_SAVE_EVERY": ["", "0", "1e9", "x", "-1", "nan", "\N{SUPERSCRIPT TWO}", "1e999"],
    "XDG_CACHE_HOME": [
        "",
        "cache",
        "/proc/nowhere",
        "/dev/null",
        "mine.toml",
        "\N{SNOWMAN}",
        "a\nb",
    ],
    "HOME": ["", "/proc/nowhere", "home", "/dev/null"],
    "TMPDIR": ["", "/proc/nowhere", "missing"],
    "COLUMNS": ["", "0", "1", "x", "-5", "99999999", "\N{SUPERSCRIPT TWO}"],
    "LINES": ["0", "x"],
    "NO_COLOR": ["", "1"],
    "FORCE_COLOR": ["", "1"],
    "TERM": ["", "dumb", "x", "xterm-256color"],
    "LC_ALL": ["C", "POSIX", "C.UTF-8"],
    "PYTHONIOENCODING": ["ascii", "latin-1", "utf-16"],
    "PYTHONUTF8": ["0"],
    "WAKEPROOF_DEFINITIONS": ["", "missing.py", "/", "mine.toml"],
    "RUSTC": ["", "missing", "/"],
    "_WAKEPROOF_COMPLETE": ["bash_source", "zsh_source", "fish_source", "x", "bash_complete", ""],
    "COMP_WORDS": ["wakeproof ", "wakeproof check --mix ", "'", "wakeproof show \N{SNOWMAN}"],
    "COMP_CWORD": ["1", "x", "-1", "99999"],
}
"""Variables that something reads, and values."""

IN_AN_ENVIRONMENT = [
    ["check", "subtask", "--mix", "v1/v1/v1", "--max-states", "300", "--explorer", "native"],
    ["check", "subtask", "--mix", "v1/v1/v1", "--max-states", "300"],
    ["simulate", "subtask", "--steps", "3"],
    ["list", "versions"],
    ["conform", "host", "--calls", "10"],
]
REFUSED_ENVIRONMENT = {"CC": ["'", 'a"b'], "CFLAGS": ["'", '-D"x']}


def environment(rng: random.Random) -> Input:
    """A command in an environment."""
    files = {"mine.toml": b"title = 1\n"}
    if rng.random() < 0.2:
        name = rng.choice(list(REFUSED_ENVIRONMENT))
        chosen = {name: rng.choice(REFUSED_ENVIRONMENT[name])}
        return Input("environment", tuple(IN_AN_ENVIRONMENT[0]), files, True, chosen, alone=True)
    names = rng.sample(list(ENVIRONMENT), rng.choice([1, 1, 2, 4]))
    chosen = {name: rng.choice(ENVIRONMENT[name]) for name in names}
    words = tuple(rng.choice(IN_AN_ENVIRONMENT))
    return Input("environment", words, files, False, chosen, alone=True)
