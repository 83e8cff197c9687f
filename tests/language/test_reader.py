"""The model language: text outside it is refused at its line, text inside it runs."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import instance
from wakeproof.bundled import MODEL, PROOFS
from wakeproof.errors import InputError, ModelError
from wakeproof.execution.machine import Machine
from wakeproof.explore.native.state_layout import StateLayout
from wakeproof.language import ir
from wakeproof.language.model import Model
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.resolve import Resolved, resolve, resolve_mixes
from wakeproof.language.sources import base_files, read_sources
from wakeproof.language.values import Run
from wakeproof.prove.certificates.write import certificate
from wakeproof.prove.induction import Induction
from wakeproof.prove.obligation import Answer, facts_of
from wakeproof.scenario.mixes import ROLES

# two lamps, a pointer to one of them, and a selector: the lamps belong to two roles
LAMPS = '''"""A model of two lamps."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from wakeproof.language import Array, Enumeration, Index, Limit, auto, guard, panic
from wakeproof.language import action, invariant, require, selector, side


class Lamp(Index):
    """A lamp."""


class Place(Enumeration):
    LEFT = auto()
    RIGHT = auto()


class Colour(Enumeration):
    RED = auto()
    GREEN = auto()


Count: TypeAlias = Annotated[int, Limit(3)]


class State:
    lit: Array[Lamp, bool]
    colour: Array[Lamp, Colour]
    last: Lamp | None
    total: Count


class Parameters:
    place: Array[Lamp, Place]


s: State
p: Parameters


@selector("lamp")
def place_of(lamp: Lamp) -> Place:
    return p.place[lamp]


def light(lamp: Lamp) -> None:
    s.lit[lamp] = True


def light_and_report(lamp: Lamp) -> bool:
    s.lit[lamp] = True
    return True


@side("lamp")
def first_colour(lamp: Lamp) -> Colour:
    return Colour.RED


'''
HEAD = "from wakeproof.language import action, side\n\n"
HERE = "# <- here"


def write_model(folder: Path, body: str, versions: dict[str, str] | None = None) -> Path:
    """Write a model of the lamps and `body`, with version files by name.

    A version that does not name its base builds on the base text.
    """
    (folder / "versions").mkdir()
    (folder / "lamps.py").write_text(LAMPS + body)
    for name, text in (versions or {}).items():
        stated = text if "BASE" in text or text.startswith("#") else f'{text}BASE = ""\n'
        (folder / "versions" / f"{name}.py").write_text(stated)
    return folder


def read(folder: Path, left: str, right: str) -> Resolved:
    """Resolve the model for a mix: the version of the left lamp and that of the right one."""
    return resolve(read_sources(folder), {"left": left, "right": right})


def marked_place(folder: Path) -> str:
    """Return the file and line that the text marks."""
    for path in folder.rglob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.endswith(HERE):
                return f"{path}:{number}"
    raise AssertionError("no line is marked")


# --- refused texts ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """A text with one marked line, and words of the reason why this line is refused."""

    reason: str
    body: str = ""
    versions: dict[str, str] = field(default_factory=dict)


def step(*lines: str) -> str:
    """Write an action of a lamp with these lines."""
    body = "\n".join(f"    {line}" for line in lines)
    return f'@action("program")\ndef step(lamp: Lamp) -> None:\n{body}\n'


STATEMENTS = {
    "a function with a name of the language": Refused(
        "panic is a name of the language",
        "def panic(lamp: Lamp) -> None:  # <- here\n    s.lit[lamp] = False\n",
    ),
    "a second invariant of a property": Refused(
        "some-lit has an invariant already, first",
        '@invariant("some-lit")\ndef first() -> bool:\n    return True\n\n\n'
        '@invariant("some-lit")\ndef other() -> bool:  # <- here\n    return True\n',
    ),
    "a while loop": Refused(
        "While is not in the model language",
        step("while s.lit[lamp]:  # <- here", "    s.lit[lamp] = False"),
    ),
    "try": Refused(
        "Try is not in the model language",
        step("try:  # <- here", "    light(lamp)", "finally:", "    light(lamp)"),
    ),
    "a loop over something else": Refused(
        "a loop over 'Colour'", step("for colour in Colour:  # <- here", "    light(lamp)")
    ),
    "a change of a parameter": Refused(
        "only the state", step("p.place[lamp] = Place.LEFT  # <- here")
    ),
    "a line that cannot be reached": Refused(
        "cannot be reached", step("return", "light(lamp)  # <- here")
    ),
    "a line after two branches that return": Refused(
        "cannot be reached",
        step(
            "if s.lit[lamp]:", "    return", "else:", "    return", "s.lit[lamp] = True  # <- here"
        ),
    ),
    "a function that can end without a value": Refused(
        "can end without a value",
        "def colour_of(lamp: Lamp) -> Colour:  # <- here\n"
        "    if s.lit[lamp]:\n        return Colour.RED\n",
    ),
    "a value that is returned without a declared type": Refused(
        "returns a value", step("return s.lit[lamp]  # <- here")
    ),
    "a guard after a change": Refused(
        "guard after a change", step("s.lit[lamp] = True", "guard(s.total == 0)  # <- here")
    ),
    "a guard after a change in a function that is called": Refused(
        "guard after a change", step("light(lamp)", "guard(s.total == 0)  # <- here")
    ),
    "a guard that a loop repeats after a change": Refused(
        "guard after a change",
        step(
            "for other in Lamp:", "    guard(s.lit[other])  # <- here", "    s.lit[other] = False"
        ),
    ),
    "require after a change": Refused(
        "require is a guard", step("light(lamp)", "last = require(s.last)  # <- here")
    ),
    "a guard outside an action": Refused(
        "guard outside an action",
        "def helper(lamp: Lamp) -> None:\n    guard(s.lit[lamp])  # <- here\n",
    ),
    "a local with the name of the state": Refused("s cannot be", step("s = lamp  # <- here")),
    "a loop variable with the name of a type": Refused(
        "Colour is in use", step("for Colour in Lamp:  # <- here", "    return")
    ),
    "a call of a function that a local hides": Refused(
        "light is a local here", step("light = lamp", "light(lamp)  # <- here")
    ),
    "a local that has another type later": Refused(
        "int where Lamp is wanted", step("other = lamp", "other = 1  # <- here")
    ),
    "a local that only one branch gives a value": Refused(
        "'other' may have no value",
        step("if s.lit[lamp]:", "    other = lamp", "light(other)  # <- here"),
    ),
    "a local that only a loop gives a value": Refused(
        "'other' may have no value",
        step("for each in Lamp:", "    other = each", "light(other)  # <- here"),
    ),
}

EXPRESSIONS = {
    "a lambda": Refused("Lambda is not", step("f = lambda: True  # <- here")),
    "a list": Refused("List is not", step("lamps = [lamp]  # <- here")),
    "a call of an attribute": Refused(
        "a call must have the form", step("s.lit.clear()  # <- here")
    ),
    "a keyword argument": Refused("a call must have the form", step("light(lamp=lamp)  # <- here")),
    "an unknown name": Refused("unknown name 'lamb'", step("light(lamb)  # <- here")),
    "an unknown function": Refused("unknown function 'print'", step("print(lamp)  # <- here")),
    "an unknown field": Refused("unknown field s.bright", step("s.bright[lamp] = True  # <- here")),
    "an unknown member": Refused(
        "Colour has no member BLUE", step("s.colour[lamp] = Colour.BLUE  # <- here")
    ),
    "a key of another type": Refused(
        "Colour where Lamp is wanted", step("s.lit[Colour.RED] = True  # <- here")
    ),
    "a key too many": Refused("has 1 keys, not 2", step("s.lit[lamp][lamp] = True  # <- here")),
    "a key that may be None": Refused(
        "Lamp | None where Lamp is wanted",
        step("last = s.last", "s.lit[last] = True  # <- here"),
    ),
    "None ruled out in the other branch only": Refused(
        "Lamp | None where Lamp is wanted",
        step(
            "last = s.last",
            "if last is None:",
            "    s.lit[last] = True  # <- here",
        ),
    ),
    "None ruled out before a loop that brings it back": Refused(
        "Lamp | None where Lamp is wanted",
        step(
            "last = s.last",
            "if last is None:",
            "    return",
            "for other in Lamp:",
            "    s.lit[last] = True  # <- here",
            "    last = None",
        ),
    ),
    "a comparison of different types": Refused(
        "compares Lamp with Colour", step("guard(lamp == s.colour[lamp])  # <- here")
    ),
    "an order of what has none": Refused(
        "Colour has no order", step("guard(s.colour[lamp] < Colour.GREEN)  # <- here")
    ),
    "a comparison with `in`": Refused(
        "this comparison is not", step("guard(lamp in s.lit[lamp])  # <- here")
    ),
    "arithmetic with bool": Refused("bool + int", step("s.total = s.lit[lamp] + 1  # <- here")),
    "multiplication": Refused("BinOp is not", step("s.total = s.total * 2  # <- here")),
    "a condition that is not a bool": Refused(
        "Count as a condition", step("if s.total:  # <- here", "    light(lamp)")
    ),
    "an argument too many": Refused(
        "light takes 1 argument, not 2", step("light(lamp, lamp)  # <- here")
    ),
    "a change inside any()": Refused(
        "changes the state inside", step("guard(any(light_and_report(l) for l in Lamp))  # <- here")
    ),
    "any() of something else": Refused(
        "any does not quantify", step("guard(any(s.lit[lamp]))  # <- here")
    ),
    "a panic inside an expression": Refused(
        "panic inside an expression", step('other = panic("a::b::c")  # <- here')
    ),
    "a site that is not a string": Refused("a site is a string", step("panic(lamp)  # <- here")),
}

FUNCTIONS = {
    "recursion": Refused(
        "recursion: a -> b -> a",
        "def a(lamp: Lamp) -> None:  # <- here\n    b(lamp)\n\n\n"
        "def b(lamp: Lamp) -> None:\n    a(lamp)\n",
    ),
    "a parameter with the name of a type": Refused(
        "Lamp is in use", "def other(Lamp: Lamp) -> None:  # <- here\n    return\n"
    ),
    "a parameter by position only": Refused(
        "only plain parameters", "def other(lamp: Lamp, /) -> None:  # <- here\n    return\n"
    ),
    "two functions of one name": Refused(
        "light is defined twice", "def light(lamp: Lamp) -> None:  # <- here\n    return\n"
    ),
    "a parameter without a type": Refused(
        "parameter lamp has no type", "def other(lamp) -> None:  # <- here\n    return\n"
    ),
    "an unknown type": Refused(
        "unknown type 'str'", "def other(name: str) -> None:  # <- here\n    return\n"
    ),
    "an invariant with a parameter": Refused(
        "an invariant takes nothing",
        '@invariant("always-lit")\ndef always_lit(lamp: Lamp) -> bool:  # <- here\n'
        "    return s.lit[lamp]\n",
    ),
    "an invariant that changes something": Refused(
        "an invariant takes nothing",
        '@invariant("always-lit")\ndef always_lit() -> bool:  # <- here\n'
        "    s.total = 0\n    return True\n",
    ),
    "an action with a value": Refused(
        "an action returns nothing",
        '@action("host")\ndef answer() -> bool:  # <- here\n    return True\n',
    ),
    "an unknown decorator": Refused(
        "unknown decorator", "@cached  # <- here\ndef other() -> None:\n    return\n"
    ),
    "an import of another module": Refused("import of 'os'", "from os import path  # <- here\n"),
    "an import of a whole module": Refused("Import at the top", "import os  # <- here\n"),
    "a variable at the top": Refused("Assign at the top", "LIMIT = 3  # <- here\n"),
    "a syntax error": Refused("not Python", "def (:  # <- here\n"),
    "a side without a selector": Refused(
        "side 'switch' has no selector",
        '@side("switch")\ndef flip(lamp: Lamp) -> None:  # <- here\n    return\n',
    ),
}

VERSIONS = {
    "an override of a function without a side": Refused(
        "light cannot be overridden",
        versions={"new": HEAD + "def light(lamp: Lamp) -> None:  # <- here\n    return\n"},
    ),
    "an override of a function that its side cannot select": Refused(
        "brighten cannot be overridden",
        "def brighten(colour: Colour) -> None:\n    s.total = 1\n",
        versions={
            "new": HEAD + '@side("lamp")\n'
            "def brighten(colour: Colour) -> None:  # <- here\n    s.total = 2\n"
        },
    ),
    "an override of an action": Refused(
        "step cannot be overridden",
        step("light(lamp)"),
        versions={
            "new": HEAD + '@action("program")\n@side("lamp")\n'
            "def step(lamp: Lamp) -> None:  # <- here\n    return\n"
        },
    ),
    "an override with other parameters": Refused(
        "first_colour has other parameters",
        versions={
            "new": HEAD + '@side("lamp")\n'
            "def first_colour(lamp: Lamp, again: bool) -> Colour:  # <- here\n"
            "    return Colour.RED\n"
        },
    ),
    "an override with another type": Refused(
        "first_colour has other parameters or another type",
        versions={
            "new": HEAD + '@side("lamp")\n'
            "def first_colour(lamp: Lamp) -> bool:  # <- here\n    return True\n"
        },
    ),
    "an override of a function that does not exist": Refused(
        "last_colour overrides nothing",
        versions={
            "new": HEAD + '@side("lamp")\n'
            "def last_colour(lamp: Lamp) -> Colour:  # <- here\n"
            "    return Colour.RED\n"
        },
    ),
    "an override of a field with another type": Refused(
        "field lit is declared with another type",
        versions={"new": "class NewState(State):\n    lit: Array[Lamp, Colour]  # <- here\n"},
    ),
    "an override that is on no side": Refused(
        "first_colour changes sides",
        versions={
            "new": "def first_colour(lamp: Lamp) -> Colour:  # <- here\n    return Colour.RED\n"
        },
    ),
    "an override with other marks": Refused(
        "first_colour has other marks",
        versions={
            "new": '@side("lamp")\n@cabi("first")\n'
            "def first_colour(lamp: Lamp) -> Colour:  # <- here\n    return Colour.RED\n"
        },
    ),
    "a version that is its own base": Refused(
        "version 'new' is its own base", versions={"new": 'BASE = "new"  # <- here\n'}
    ),
    "versions that are each other's base": Refused(
        "version 'new' is its own base",
        versions={"new": 'BASE = "newer"\n', "newer": 'BASE = "new"  # <- here\n'},
    ),
    "an unknown base": Refused(
        "unknown ABI version 'older'", versions={"new": '"""New."""\nBASE = "older"  # <- here\n'}
    ),
    "a base that is not a name": Refused("BASE = 1", versions={"new": "BASE = 1  # <- here\n"}),
    "no base": Refused(
        "the version does not name its base", versions={"new": "# all as it was  # <- here\n"}
    ),
    "an unknown constant": Refused(
        "unknown constant BASSE", versions={"new": 'BASSE = "old"  # <- here\n'}
    ),
    "a constant of another type": Refused("ABI = '4'", versions={"new": "ABI = '4'  # <- here\n"}),
    "a member that its base has": Refused(
        "Colour has a member RED already",
        versions={"new": "class Colour(Enumeration):\n    RED = auto()  # <- here\n"},
    ),
    "a constant that is computed": Refused(
        "ABI is not a literal", versions={"new": "ABI = len('22')  # <- here\n"}
    ),
}

ALL = STATEMENTS | EXPRESSIONS | FUNCTIONS | VERSIONS


@pytest.mark.parametrize("case", ALL.values(), ids=ALL.keys())
def test_text_outside_the_language_is_refused_at_its_line(tmp_path: Path, case: Refused) -> None:
    model = write_model(tmp_path, case.body, {"new": "", **case.versions})

    with pytest.raises(ModelError) as refusal:
        read(model, left="new", right="new")

    assert case.reason in refusal.value.what
    assert refusal.value.where == marked_place(model)
    assert refusal.value.hint


def test_an_unknown_version_is_refused_with_a_list_of_the_known_ones(tmp_path: Path) -> None:
    model = write_model(tmp_path, "", {"old": "", "new": ""})

    with pytest.raises(ModelError) as refusal:
        read(model, left="old", right="newest")

    assert refusal.value.what == "unknown ABI version 'newest'"
    assert refusal.value.hint == "use one of: new, old"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no Python file") as refusal:
        read_sources(tmp_path)

    assert refusal.value.where == str(tmp_path)
    assert refusal.value.hint


# --- the order of the files -----------------------------------------------------------------------

FILES = """# the order of a.py and lamps.py
files = [
  "lamps.py",
  "a.py",
]
"""


def two_files(folder: Path, order: str) -> Path:
    """Write a model of two files, each with an action, and `order.toml`."""
    model = write_model(folder, '@action("program")\ndef first() -> None:\n    return\n')
    (model / "a.py").write_text(f'{HEAD}@action("program")\ndef second() -> None:\n    return\n')
    if order:
        (model / "order.toml").write_text(order)
    return model


@pytest.mark.parametrize(
    ("order", "actions"),
    [(FILES, ["first", "second"]), ("", ["second", "first"])],
    ids=["as-listed", "without-a-list-by-name"],
)
def test_actions_are_in_the_order_of_the_files(
    tmp_path: Path, order: str, actions: list[str]
) -> None:
    program = read(two_files(tmp_path, order), left="", right="").program
    assert list(program.marked("action")) == actions


@pytest.mark.parametrize(
    ("order", "place", "reason"),
    [
        (FILES.replace('"a.py"', '"b.py"'), "order.toml:4", "the model has no file 'b.py'"),
        (FILES.replace("]", '  "lamps.py",\n]'), "order.toml:5", "'lamps.py' is listed twice"),
        (FILES.replace('  "a.py",\n', ""), "a.py:1", "order.toml does not list this file"),
        ('files = "a.py"\n', "order.toml:1", "not a list of files"),
        ("files = [1]\n", "order.toml:1", "not a list of files"),
        (f"actions = []\n{FILES}", "order.toml:1", "not a list of files"),
        ("files = [\n", "order.toml:1", "not TOML"),
    ],
    ids=["no-file", "twice", "left-out", "no-list", "no-names", "another-key", "no-toml"],
)
def test_an_order_that_does_not_list_each_file_once_is_refused(
    tmp_path: Path, order: str, place: str, reason: str
) -> None:
    with pytest.raises(InputError, match=re.escape(reason)) as refusal:
        read_sources(two_files(tmp_path, order))

    assert refusal.value.where == f"{tmp_path}/{place}"
    assert refusal.value.hint


def renamed(folder: Path) -> Path:
    """Copy the bundled model under file names in the opposite order."""
    model = folder / "model"
    shutil.copytree(MODEL, model)
    files = base_files(model)
    for number, path in enumerate(files):
        path.rename(model / f"part_{len(files) - number:02}.py")
    names = [f"part_{len(files) - number:02}.py" for number in range(len(files))]
    (model / "order.toml").write_text(f"files = {names}\n")
    return model


def without_places(program: ir.Program) -> str:
    """Return the text of a program without the names of its files."""
    return re.sub(r"Where\(file='[^']*'", "Where(", repr(program))


def test_renaming_the_files_of_a_model_changes_no_order(tmp_path: Path) -> None:
    mix = dict.fromkeys(ROLES, ("v1", "v2"))
    programs = [
        resolve_mixes(read_sources(model, (), PROOFS), mix) for model in (MODEL, renamed(tmp_path))
    ]
    before, after = [resolved.program for resolved in programs]
    assert list(before.marked("action")) == list(after.marked("action"))
    assert list(before.state) == list(after.state)
    assert list(before.enums.items()) == list(after.enums.items())
    assert without_places(before) == without_places(after)

    machines = [
        instance("move-between-tasks", model=Model(model)).machine()
        for model in (MODEL, tmp_path / "model")
    ]
    cells = [StateLayout(m, frozenset(m.program.state), m.initial()).cells for m in machines]
    assert cells[0] == cells[1]

    texts = []
    sizes = {"Task": 1, "Future": 1, "Operation": 1, "Handle": 3, "Channel": 1}
    for resolved in programs:
        facts = tuple(facts_of(resolved.program))
        induction = Induction(resolved, sizes, ("drop_waker",))
        answers = [Answer("drop_waker", fact, "proved", 0.0, needs=facts) for fact in facts]
        texts.append(certificate(induction, answers))
    assert texts[0] == texts[1]


# --- execution ------------------------------------------------------------------------------------

LEFT, RIGHT = 0, 1
RED, GREEN = 0, 1


def machine_of(resolved: Resolved) -> Machine:
    """Return a machine with two lamps, one in each place."""
    return Machine(resolved, Run(sizes={"Lamp": 2}, parameters={"place": [LEFT, RIGHT]}))


def do(machine: Machine, action: str, *arguments: int) -> None:
    """Take one step from the initial state."""
    machine.load(machine.initial())
    machine.namespace[action](*arguments)


def test_a_program_has_its_functions_in_the_order_of_the_text(tmp_path: Path) -> None:
    resolved = read(write_model(tmp_path, "", {"new": ""}), left="new", right="new")

    assert list(resolved.program.functions) == [
        "place_of",
        "light",
        "light_and_report",
        "first_colour",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            ["last = s.last", "if last is None:", "    return", "light(last)"], id="after a return"
        ),
        pytest.param(
            ["last = s.last", "if last is not None and not s.lit[last]:", "    light(last)"],
            id="in a branch and in the rest of its condition",
        ),
        pytest.param(
            ["last = s.last", "if last is None or s.lit[last]:", "    return", "light(last)"],
            id="in the rest of an or",
        ),
        pytest.param(["last = require(s.last)", "light(last)"], id="after require"),
        pytest.param(["guard(s.last is not None)", "return"], id="for the condition alone"),
        pytest.param(
            ["last = s.last", "if last is None:", "    last = lamp", "light(last)"],
            id="after both branches",
        ),
    ],
)
def test_an_optional_local_is_narrowed(tmp_path: Path, lines: list[str]) -> None:
    model = write_model(tmp_path, step(*lines), {"new": ""})

    assert "step" in read(model, left="new", right="new").program.functions


def test_a_local_that_every_continuing_branch_assigns_has_a_value(tmp_path: Path) -> None:
    lines = ["if s.lit[lamp]:", "    return", "else:", "    other = lamp", "light(other)"]
    model = write_model(tmp_path, step(*lines), {"new": ""})

    machine = machine_of(read(model, left="new", right="new"))
    do(machine, "step", 1)

    assert machine.s.lit == [False, True]


def test_a_guard_that_fails_disables_the_action(tmp_path: Path) -> None:
    model = write_model(tmp_path, step("guard(s.lit[lamp])", "light(lamp)"), {"new": ""})
    machine = machine_of(read(model, left="new", right="new"))

    with pytest.raises(GuardFailed):
        do(machine, "step", 0)


def test_a_loop_and_a_quantifier_visit_every_member(tmp_path: Path) -> None:
    lines = ["for other in Lamp:", "    light(other)", "if all(s.lit[other] for other in Lamp):"]
    model = write_model(tmp_path, step(*lines, "    s.total += 2"), {"new": ""})
    machine = machine_of(read(model, left="new", right="new"))

    do(machine, "step", 0)

    assert machine.s.lit == [True, True]
    assert machine.s.total == 2


PAINT = step("s.colour[lamp] = first_colour(lamp)")
GREEN_FIRST = (
    HEAD + '@side("lamp")\ndef first_colour(lamp: Lamp) -> Colour:\n    return Colour.GREEN\n'
)
OVERRIDES = {
    "old": "",
    "new": 'BASE = "old"\n' + GREEN_FIRST,
    "newer": 'BASE = "new"\n',
}


@pytest.mark.parametrize(
    ("left", "right", "colours"),
    [
        ("old", "old", [RED, RED]),
        ("old", "new", [RED, GREEN]),
        ("new", "old", [GREEN, RED]),
        ("new", "newer", [GREEN, GREEN]),
    ],
)
def test_each_role_runs_the_text_of_its_own_version(
    tmp_path: Path, left: str, right: str, colours: list[int]
) -> None:
    machine = machine_of(read(write_model(tmp_path, PAINT, OVERRIDES), left, right))

    painted = []
    for lamp in (0, 1):
        do(machine, "step", lamp)
        painted.append(machine.s.colour[lamp])

    assert painted == colours


def test_a_version_may_give_a_side_to_a_function_of_the_base_text(tmp_path: Path) -> None:
    dark = HEAD + '@side("lamp")\ndef light(lamp: Lamp) -> None:\n    s.lit[lamp] = False\n'
    model = write_model(tmp_path, step("light(lamp)"), {"old": "", "new": 'BASE = "old"\n' + dark})

    machine = machine_of(read(model, "old", "new"))
    lit = []
    for lamp in (0, 1):
        do(machine, "step", lamp)
        lit.append(machine.s.lit[lamp])
    assert lit == [True, False]
    assert "side" not in read(model, "old", "old").program.functions["light"].marks


def test_a_version_may_add_members_to_an_enumeration(tmp_path: Path) -> None:
    blue = "class Colour(Enumeration):\n    BLUE = auto()\n" + GREEN_FIRST.replace("GREEN", "BLUE")
    model = write_model(tmp_path, PAINT, {"old": "", "new": 'BASE = "old"\n' + blue})

    assert read(model, "old", "old").program.enums["Colour"] == ("RED", "GREEN")
    machine = machine_of(read(model, "old", "new"))
    for lamp in (0, 1):
        do(machine, "step", lamp)
    assert machine.s.colour == [RED, 2]


def test_two_versions_of_one_name_are_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path, "", {"old": ""})
    (tmp_path / "mine").mkdir()
    mine = tmp_path / "mine" / "old.py"
    mine.write_text('BASE = ""\n')

    with pytest.raises(ModelError, match="version old exists already") as refusal:
        read_sources(model, [mine])

    assert refusal.value.where == f"{mine}:1"


def test_roles_with_the_same_text_have_no_dispatcher(tmp_path: Path) -> None:
    model = write_model(tmp_path, PAINT, OVERRIDES)

    same = read(model, left="new", right="newer").program.functions
    mixed = read(model, left="old", right="new").program.functions

    assert "first_colour__new" not in same
    assert {"first_colour", "first_colour__base", "first_colour__new"} <= set(mixed)
