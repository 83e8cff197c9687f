"""Hold the assertions of the specification's tests against the model and against Wasmtime.

Programs of the interpreter and translations run on the model's host layer, whole files on Wasmtime.
`outside.toml` says which assertions are outside of what a reference can do, and why. Every other
must hold.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wakeproof.conform.host.model_side import ModelHost
from wakeproof.conform.host.traps import TRAPS
from wakeproof.conform.spec.interpreter import (
    UNREACHABLE,
    Interpreter,
    OutsideModel,
    Trapped,
    sizes_for,
)
from wakeproof.conform.spec.programs import Command, is_program, read_program
from wakeproof.conform.spec.script import (
    Assertion,
    Component,
    Instantiation,
    Invoke,
    Script,
    Unknown,
    Unread,
    read_script,
)
from wakeproof.conform.spec.translations import (
    DEADLOCK,
    Translation,
    find_translation,
    play_translation,
    read_translations,
)
from wakeproof.conform.spec.versions import FileVersion, find_version, read_versions
from wakeproof.conform.spec.wasmtime_run import WasmtimeScripts
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED, Model
from wakeproof.util.processes import run_process
from wakeproof.util.toml import load_toml

TABLE = Path(__file__).with_name("outside.toml")
# where a checkout of the specification has the tests
TESTS = Path("test") / "async"
# seconds until git counts as stuck
PATIENCE = 10.0
NO_PROGRAM = "a component, not a program of the interpreter, and not translated"


@dataclass(frozen=True)
class Outside:
    """Assertions that are outside of a reference: an entry of `outside.toml`."""

    of: str
    files: tuple[str, ...]
    why: str
    says: str = ""

    def covers(self, of: str, file: str, reason: str) -> bool:
        """Whether the entry is about an assertion of a file that does not hold for a reason."""
        return self.of == of and file in self.files and self.says in reason


@dataclass(frozen=True)
class Verdict:
    """The outcome of an assertion on one reference.

    `reason` says why it does not hold, `outside` why it need not; both are empty where it holds.
    """

    reason: str = ""
    outside: str = ""

    @property
    def word(self) -> str:
        """The verdict: held, outside or failed."""
        return "outside" if self.outside else "failed" if self.reason else "held"

    def to_json(self) -> dict[str, str]:
        """Return the verdict as data."""
        return {"verdict": self.word, "reason": self.reason, "outside": self.outside}


@dataclass(frozen=True)
class CheckedAssertion:
    """An assertion with its verdicts; `wasmtime` is None if Wasmtime was not asked."""

    file: str
    line: int
    kind: str
    model: Verdict
    wasmtime: Verdict | None

    def to_json(self) -> dict[str, Any]:
        """Return the assertion as data."""
        place = {"file": self.file, "line": self.line, "kind": self.kind}
        return {
            **place,
            "model": self.model.to_json(),
            "wasmtime": None if self.wasmtime is None else self.wasmtime.to_json(),
        }

    @property
    def failures(self) -> list[tuple[str, str]]:
        """The references on which it fails, each with the reason."""
        verdicts = {"model": self.model, "Wasmtime": self.wasmtime}
        return [(of, v.reason) for of, v in verdicts.items() if v and v.word == "failed"]


@dataclass
class SpecConformance:
    """The result: every assertion of every file.

    `commit` is that of the checkout, `engine` the name of Wasmtime, `skipped` the reason why it was
    not asked; what is not known is empty. `versions` has the files of which `versions.toml` knows
    the commit.
    """

    files: list[str]
    commit: str
    engine: str
    skipped: str
    versions: dict[str, FileVersion] = field(default_factory=dict)
    assertions: list[CheckedAssertion] = field(default_factory=list)

    @property
    def failures(self) -> list[CheckedAssertion]:
        """The assertions that fail on a reference."""
        return [a for a in self.assertions if a.failures]

    def added(self, earlier: Iterable[SpecConformance]) -> int:
        """Count the assertions that earlier results lack: of new files, and more in old ones."""
        before: Counter[str] = Counter()
        for result in earlier:
            before |= Counter(a.file for a in result.assertions)
        return (Counter(a.file for a in self.assertions) - before).total()


def read_outside(path: Path = TABLE) -> list[Outside]:
    """Read the table of what is outside."""
    rows = load_toml(path)["outside"]
    return [Outside(**{**row, "files": tuple(row["files"])}) for row in rows]


def find_scripts(path: Path) -> list[Path]:
    """List the `.wast` files of a checkout of the specification, of a folder, or the file itself.

    Raises `InputError` if there is none.
    """
    folder = path / TESTS if (path / TESTS).is_dir() else path
    found = sorted(folder.glob("*.wast")) if folder.is_dir() else [path]
    if not found or not path.exists():
        raise InputError(
            "no .wast file is there",
            where=str(path),
            hint="name a checkout of WebAssembly/component-model, a folder of .wast files, or one",
        )
    return found


def commit_of(path: Path) -> str:
    """Return the commit of a checkout; empty if it is none, or git is not there."""
    folder = path if path.is_dir() else path.parent
    try:
        command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        found = run_process(command, seconds=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if found.returncode else found.stdout.strip()


def check_spec(
    path: Path, model: Model = BUNDLED, table: Sequence[Outside] | None = None
) -> SpecConformance:
    """Check all assertions of the files at a path. Raises `InputError` if one cannot be read."""
    scripts = [read_script(file) for file in find_scripts(path)]
    table = read_outside() if table is None else table
    engine, skipped = None, ""
    try:
        engine = WasmtimeScripts()
    except InputError as error:
        skipped = error.what
    names = [script.name for script in scripts]
    result = SpecConformance(names, commit_of(path), engine.name if engine else "", skipped)
    known = read_versions()
    for script in scripts:
        if (version := find_version(known, script.name, script.digest)) is not None:
            result.versions[script.name] = version
    for script in scripts:
        on_model = list(play_script(script, model))
        on_wasmtime = engine.run(script) if engine else [None] * len(on_model)
        rows = zip(script.assertions, on_model, on_wasmtime, strict=True)
        for assertion, here, there in rows:
            verdicts = (
                _verdict(table, "model", script.name, here),
                None if there is None else _verdict(table, "wasmtime", script.name, there),
            )
            result.assertions.append(
                CheckedAssertion(script.name, assertion.line, assertion.kind, *verdicts)
            )
    return result


def _verdict(table: Sequence[Outside], of: str, file: str, reason: str) -> Verdict:
    """Return the verdict for an assertion that does not hold for a reason, or holds without one."""
    if not reason:
        return Verdict()
    why = next((entry.why for entry in table if entry.covers(of, file, reason)), "")
    return Verdict(reason, why)


def play_script(script: Script, model: Model) -> Iterator[str]:
    """Play the programs of a script on the model.

    Yields for each assertion why it does not hold, empty if it does. Programs run on one instance
    until the next instantiation.
    """
    translations = read_translations()
    programs = [_program_of(assertion) for assertion in script.assertions]
    number = 0
    host = ModelHost(model, sizes_for(p for p in programs if isinstance(p, list)))
    instance = Interpreter(host)
    for directive in script.directives:
        match directive:
            case Instantiation() | Component():
                instance = Interpreter(host)
            case Assertion():
                number += 1
                found = find_translation(translations, script.name, script.digest, number)
                if found is None:
                    yield _play(instance, directive)
                else:
                    yield _play_translation(found, directive, model)
            case Unknown() if directive.asserts:
                number += 1
                yield directive.reason


def _program_of(assertion: Assertion | Unknown) -> list[Command] | str:
    """Return the program of an assertion, or why there is none."""
    if isinstance(assertion, Unknown):
        return assertion.reason
    if not isinstance(assertion.subject, Invoke) or not is_program(assertion.subject):
        return NO_PROGRAM
    try:
        return read_program(assertion.subject)
    except Unread as unread:
        return str(unread)


def _play(instance: Interpreter, assertion: Assertion) -> str:
    """Run the program of an assertion; return why it does not hold, empty if it does."""
    program, trap = _program_of(assertion), ""
    if isinstance(program, str):
        return program
    try:
        instance.run(program)
    except OutsideModel as outside:
        return str(outside)
    except Trapped as trapped:
        trap = str(trapped)
    return _judge(assertion, trap)


def _play_translation(translation: Translation, assertion: Assertion, model: Model) -> str:
    """Make the calls of a translation; return why it does not hold, empty if it does."""
    played = play_translation(translation, model)
    if played.wrong:
        return played.wrong
    if played.waits and DEADLOCK in assertion.message:
        return ""
    return _judge(assertion, played.trap)


def _judge(assertion: Assertion, trap: str) -> str:
    """Return why an assertion does not hold that ended with a trap, or with none."""
    if assertion.kind == "assert_return":
        return f"the model traps: {trap}" if trap else ""
    if not trap:
        return "the model does not trap"
    messages = (UNREACHABLE,) if trap == UNREACHABLE else TRAPS.get(trap, ())
    alike = any(m in assertion.message or assertion.message in m for m in messages)
    return "" if alike else f"the model traps for another reason: {trap}"
