"""Inputs with a file that is made from a valid one."""

from __future__ import annotations

import functools
import json
import random
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tests.conform.test_spec import HOLDING, NEW_INSTANCE, TINY
from tests.fuzz.inputs import HERE, Input
from tests.fuzz.mutations import VALUES, mutate, mutate_value, not_utf_8
from tests.prove.test_recheck import CONFIRMED, FORGED
from wakeproof.bundled import MODEL, SCENARIOS
from wakeproof.export import PICTURES, PROGRAMS
from wakeproof.scenario.mixes import ROLES

RESULTS = [("issue-1618", "v1/v1/v1"), ("subtask", "v1/v1/v1"), ("cancel-asleep", "v1/v2/v1")]
PROPERTIES = ["no-panic", "no-trap", "no-lost-wakeup", "no-leak", "refcount-exact"]


# --- scenarios ------------------------------------------------------------------------------------


@functools.cache
def scenario_texts() -> list[str]:
    """Return the texts of the bundled scenarios without a base."""
    texts = [path.read_text("utf-8") for path in sorted(SCENARIOS.glob("*.toml"))]
    return [text for text in texts if not re.search("^base", text, re.MULTILINE)]


def mix_in(rng: random.Random, text: str) -> str:
    """Return a mix that the text of a scenario names: a check of all takes long."""
    mixes = tomllib.loads(text)["mixes"]
    return "/".join(rng.choice(mixes[role]) for role in ROLES)


def check_words(rng: random.Random, *words: str) -> list[str]:
    """Return the words of a short check in plain Python."""
    states = str(rng.choice([1, 20, 200]))
    return ["check", *words, "--explorer", "plain", "--max-states", states, "--timeout", "5"]


def scenario_words(rng: random.Random, name: str, mix: str) -> list[str]:
    """Return a command that reads a scenario."""
    match rng.randrange(9):
        case 0:
            return ["show", name]
        case 5:
            return ["graph", name, "--by", "phase", "--max-states", "60", "--output", "out"]
        case 1 | 2:
            return ["simulate", name, "--steps", "6", "--seed", str(rng.randrange(9))]
        case 3:
            form = rng.choice(["promela", "tla"])
            return ["export", name, "--to", form, "--steps", "3", "--output", "out"]
        case 4:
            chosen = ["--property", rng.choice(PROPERTIES), "--steps", "2", "--output", "out"]
            return ["export", name, "--to", "smtlib", *chosen]
        case _:
            return check_words(rng, name, "--mix", mix)


WRONG_LINES = {
    r"title = .*": ["title = 1", "title = []", "title = ", 'title = "\x07"', 'title = "\\q"'],
    r"story = ": ["story = = "],
    r"(Task|Operation|Future) = \d+": [
        *('Task = "2"', "Task = 2.0", "Task = true", "Task = -1", "Task = 0", "Task = 4294967296"),
        *("Task = 1e3", "Task = {}", f"Task = {'9' * 4_400}", "Task = \N{SUPERSCRIPT TWO}"),
    ],
    r"(export|block_on|import) = \[.*\]": [
        *(
            'export = ["v99"]',
            "export = [1]",
            'export = "v1"',
            'export = ["v1", "v1"]',
            "export = []",
        )
    ],
    r"verdict = .*": ['verdict = "maybe"', "verdict = 1", "verdict = []"],
    r"property = .*": ['property = "no-such"', 'property = ["no-panic"]', "property = true"],
    r"\[sizes\]": ["[sizes", "[[sizes]]", "[sizes]\nNoSuchType = 1", "[sizes.x]"],
    r"\[otherwise\]": ["[other]", "[otherwise]\nx = 1", "[otherwise]\n[otherwise]"],
}
"""What a line of a scenario may not be."""


def wrong_scenario(rng: random.Random, text: str) -> bytes:
    """Return a scenario that is not valid, made from the text of one that is."""
    match rng.randrange(5):
        case 0:
            return not_utf_8(rng, text)
        case 1:
            return (text + rng.choice(['\n"', "\n[x", "\nx = ", "\n= 1", "\n'''", "\x00"])).encode()
        case 2:
            keys = re.findall(r"^\w+ = (?:\d+|\".*\"|\[.*\])$", text, re.MULTILINE)
            line = rng.choice(keys)
            return text.replace(f"{line}\n", f"{line}\n{line}\n", 1).encode()
        case 3:
            return (
                f"{rng.choice(['zzz = 1', 'base = 1', 'host = 1', 'steps = 2'])}\n{text}".encode()
            )
        case _:
            known = {
                line: new for line, new in WRONG_LINES.items() if re.search(f"(?m)^{line}", text)
            }
            line = rng.choice(list(known))
            found = rng.choice(list(re.finditer(f"(?m)^{line}", text)))
            return (text[: found.start()] + rng.choice(known[line]) + text[found.end() :]).encode()


def scenario(rng: random.Random) -> Input:
    """A command with a scenario of one's own."""
    text = rng.choice(scenario_texts())
    mix = ("--mix", mix_in(rng, text))
    if rng.random() < 0.25:
        words = rng.choice([check_words(rng, "mine.toml", *mix), ["simulate", "mine.toml", *mix]])
        wrong = wrong_scenario(rng, text)
        return Input("scenario", tuple(words), {"mine.toml": wrong}, refused=True)
    words = scenario_words(rng, "mine.toml", mix[1])
    return Input("scenario", tuple(words), {"mine.toml": mutate(rng, text)})


# --- models and versions --------------------------------------------------------------------------


@functools.cache
def model_texts() -> dict[str, str]:
    """Return the texts of the bundled model by path."""
    found = sorted(p for p in MODEL.rglob("*") if p.suffix in (".py", ".toml"))
    return {path.relative_to(MODEL).as_posix(): path.read_text("utf-8") for path in found}


def model_words(rng: random.Random, mix: str) -> list[str]:
    """Return a command that reads the model in the folder `mine`."""
    model = ["--model", f"{HERE}/mine"]
    match rng.randrange(4):
        case 0:
            what = ["all", "scenarios", "properties", "versions", "hosts", "actions", "sites"]
            return ["list", rng.choice(what), *model]
        case 1:
            return check_words(rng, "subtask", "--mix", mix, *model)
        case _:
            name = rng.choice(["subtask", "yield", "stream-after-drop"])
            return ["simulate", name, "--mix", mix, "--steps", "5", *model]


WRONG_PYTHON = [
    *(
        "def f(:\n",
        "  x = 1\n",
        "import os\n",
        "from os import *\n",
        "print(1)\n",
        "x = (\n",
        "'''",
    ),
    *("def f() -> None:\n    while True:\n        pass\n", "try:\n    pass\nfinally:\n    pass\n"),
    *("def f() -> None:\n    import os\n", "class X:\n    y = open('x')\n", "exec('1')\n", "\x00"),
    *(
        "def f() -> int:\n    return undefined_name\n",
        "def f(x) -> None:\n    pass\n",
        "async def f(): 1\n",
    ),
    *(
        "def f() -> None:\n    eval('1')\n",
        "global x\n",
        "return 1\n",
        "x: int = 1 if",
        "@\n",
        "\\",
    ),
    f"x = {'(' * 500}1{')' * 500}\n",
]
"""What no text of a model may have."""


def version(rng: random.Random) -> Input:
    """A command with a version of one's own."""
    name = rng.choice(["versions/v1_1638.py", "versions/v2.py", "versions/v3.py"])
    text = model_texts()[name]
    words = model_words(rng, "mine/v1/v1")
    # `list` does not read everything
    if rng.random() < 0.3 and words[0] != "list":
        wrong = rng.choice([*WRONG_PYTHON, "BASE"])
        if wrong == "BASE":
            no_base = rng.choice(["", "BASE = 1", 'BASE = "v99"', 'BASE = "mine"', "BASE = x()"])
            data = re.sub("^BASE = .*$", no_base, text, count=1, flags=re.MULTILINE).encode()
        else:
            data = rng.choice([f"{text}\n{wrong}".encode(), not_utf_8(rng, text)])
        return Input("version", tuple(words), {"mine/mine.py": data}, refused=True)
    if rng.random() < 0.3:
        words = ["show", "mine", "--against", "v1", "--model", f"{HERE}/mine"]
    return Input("version", tuple(words), {"mine/mine.py": mutate(rng, text)})


def model(rng: random.Random) -> Input:
    """A command with a whole model of one's own, one file of which is another."""
    texts = model_texts()
    files = {f"mine/{name}": text.encode() for name, text in texts.items()}
    name = rng.choice(list(texts))
    words = tuple(model_words(rng, "v1/v1/v1"))
    if rng.random() < 0.3:
        name = rng.choice([n for n in texts if n.endswith(".py") and "__init__" not in n])
        wrong = f"{texts[name]}\n{rng.choice(WRONG_PYTHON)}".encode()
        # `list` does not read everything
        needed = "/" not in name and words[0] != "list"
        return Input("model", words, {**files, f"mine/{name}": wrong}, refused=needed)
    if rng.random() < 0.1:
        del files[f"mine/{name}"]
    else:
        files[f"mine/{name}"] = mutate(rng, texts[name])
    return Input("model", words, files)


# --- results and scripts --------------------------------------------------------------------------


def run(*words: str | Path, folder: Path) -> None:
    """Run the command in a process of its own, to make a valid file."""
    command = [sys.executable, "-m", "wakeproof", *map(str, words)]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)


@functools.cache
def results_texts() -> list[str]:
    """Return results files of some checks."""
    texts = []
    with tempfile.TemporaryDirectory() as folder:
        for name, mix in RESULTS:
            file = f"{name}.json"
            run("check", name, "--mix", mix, "--json", file, folder=Path(folder))
            texts.append((Path(folder) / file).read_text("utf-8"))
    return texts


def results_words(rng: random.Random) -> list[str]:
    """Return a command that reads results."""
    match rng.randrange(3):
        case 0:
            form = rng.choice(["issue", *PROGRAMS, *PICTURES])
            chosen = ["--property", rng.choice(PROPERTIES)]
            return ["export", "mine.json", "--to", form, *chosen, "--output", "out"]
        case 1:
            return ["replay", "mine.json", "--scenario", rng.choice(["subtask", "issue-1618"])]
        case _:
            return ["replay", "mine.json"]


def wrong_results(rng: random.Random) -> bytes:
    """Return a results file that is not valid."""
    text = rng.choice(results_texts())
    document = json.loads(text)
    match rng.randrange(5):
        case 0:
            return text[: rng.randrange(len(text.rstrip()))].encode()
        case 1:
            return not_utf_8(rng, text)
        case 2:
            del document[rng.choice(["tool", "version", "results"])]
        case 3:
            row = rng.choice(document["results"])
            del row[rng.choice(["scenario", "mix", "property", "verdict", "violations"])]
        case _:
            row = rng.choice(document["results"])
            values = [value for value in VALUES if not isinstance(value, str | float)]
            row[rng.choice(["scenario", "property", "verdict"])] = rng.choice(values)
    return json.dumps(document).encode()


def results(rng: random.Random) -> Input:
    """A command with results."""
    if rng.random() < 0.2:
        data = wrong_results(rng)
        return Input("results", ("replay", "mine.json"), {"mine.json": data}, refused=True)
    text = rng.choice(results_texts())
    if rng.random() < 0.6:
        document: Any = json.loads(text)
        # one of the rows with a trace is enough, and quicker
        rows = [row for row in document["results"] if row["violations"]]
        document["results"] = rng.sample(rows, 1) if rows else document["results"][:1]
        for _ in range(rng.choice([1, 1, 1, 3])):
            document = mutate_value(rng, document)
        data = json.dumps(document).encode("utf-8", "surrogatepass")
    else:
        data = mutate(rng, text)
    return Input("results", tuple(results_words(rng)), {"mine.json": data})


@functools.cache
def scripts() -> list[tuple[str, list[str]]]:
    """Return scripts, each with its scenario."""
    found = []
    for path in sorted(SCENARIOS.glob("*.toml")):
        script = tomllib.loads(path.read_text("utf-8")).get("program", {}).get("script")
        if script:
            found.append((path.stem, script))
    return found


WRONG_STEPS = [
    *("no_such_action", "poll", "poll \N{SUPERSCRIPT TWO}", "poll 1 2 3 4", "poll -1", "poll h1"),
    *(f"poll {'9' * 5_000}", "poll \N{SNOWMAN}", "poll None", "poll 99999999999", "call_export"),
    *("__class__", "poll [red]", "begin_turn", "poll 0x0", "poll first-write first-write"),
]
"""What no step is."""


def script(rng: random.Random) -> Input:
    """A simulation by a script."""
    name, steps = rng.choice(scripts())
    words = ("simulate", name, "--script", "mine.txt")
    if rng.random() < 0.25:
        # before anything that is not possible
        text = "\n".join([rng.choice(WRONG_STEPS), *steps])
        return Input("script", words, {"mine.txt": text.encode()}, refused=True)
    return Input("script", words, {"mine.txt": mutate(rng, "\n".join(steps) + "\n")})


# --- certificates, checkpoints, the specification's tests -----------------------------------------

WRONG_COMMANDS = [
    *(
        "(exit)",
        "(reset)",
        "(push 1)",
        "(check-sat)",
        "(assert false)(exit)",
        "(",
        ")",
        '"',
        "|",
        "x",
    ),
    *(
        '(set-option :regular-output-channel "x")',
        "(get-model)",
        "(include x)",
        "(declare-const x Bool)",
    ),
]
"""What no certificate has at its end."""


def certificate(rng: random.Random) -> Input:
    """A recheck of certificates."""
    words: tuple[str, ...] = ("recheck", "mine", "--timeout", "5", "--fresh")
    text = rng.choice([CONFIRMED, FORGED])
    if rng.random() < 0.4:
        wrong = rng.choice(WRONG_COMMANDS)
        data = rng.choice([f"{text}{wrong}\n".encode(), not_utf_8(rng, text)])
        return Input("certificate", words, {"mine/mix/one.smt2": data}, refused=True)
    files = {"mine/mix/one.smt2": mutate(rng, text)}
    if rng.random() < 0.3:
        listed = json.dumps(["mix/one.smt2"])
        files = {"mine/mix/one.smt2": text.encode(), "mine/certificates.json": mutate(rng, listed)}
    if rng.random() < 0.2:
        known = {"certificates": [{"digest": "0" * 16, "obligations": 2, "confirmed": 2}]}
        files["known.json"] = mutate(rng, json.dumps(known))
        words = (*words, "--confirmed", "known.json")
    return Input("certificate", words, files)


CHECKPOINTED = (
    "check",
    "longer.toml",
    "--mix",
    "v2/v2/v2",
    "--explorer",
    "native",
    "--memory",
    "1",
)
LONGER = f'base = "{SCENARIOS / "everything.toml"}"\ntitle = "Longer"\n[bounds]\nsteps = 16\n'


@functools.cache
def checkpoint_files() -> dict[str, bytes]:
    """Return the files of a checkpoint; empty without a C compiler."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "longer.toml").write_text(LONGER, "utf-8")
        run(*CHECKPOINTED, "--checkpoint", "kept", folder=folder)
        found = [file for file in (folder / "kept").rglob("*") if file.is_file()]
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def checkpoint(rng: random.Random) -> Input:
    """A run that is resumed."""
    files = dict(checkpoint_files())
    words = (*CHECKPOINTED, "--checkpoint", "kept", "--resume")
    files["longer.toml"] = LONGER.encode()
    places = [name for name in files if name.startswith("kept/")]
    if not places:
        return Input("checkpoint", words, files)
    name = rng.choice(places)
    data = files[name]
    if name.endswith(".json"):
        files[name] = mutate(rng, data.decode())
        return Input("checkpoint", words, files)
    at = rng.randrange(len(data))
    match rng.randrange(4):
        case 0:
            del files[name]
        case 1:
            files[name] = data[:at]
        case 2:
            files[name] = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case _:
            files[name] = data[:at] + rng.randbytes(9) + data[at:]
    return Input("checkpoint", words, files, refused=files.get(name) != data)


def wast(rng: random.Random) -> Input:
    """A test of the specification."""
    text = TINY + NEW_INSTANCE + "".join(rng.sample(list(HOLDING.values()), 2))
    if rng.random() < 0.2:
        data = f"{text}{rng.choice(['(', ')', '(; ', 'x', chr(34)])}".encode()
        return Input("wast", ("conform", "spec", "mine.wast"), {"mine.wast": data}, refused=True)
    return Input("wast", ("conform", "spec", "mine.wast"), {"mine.wast": mutate(rng, text)})
