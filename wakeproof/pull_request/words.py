"""What both sides do where they part, in the names of the scenario and not in numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from wakeproof.conform.abi_codes import CODES, EXIT, WAIT, YIELD
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.protocol import RealNames, Word

Names = Mapping[str, Sequence[str]]

# the arguments of the calls of the C ABI in their order
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "waitable_register": ("task", "handle", "operation"),
    "waitable_unregister": ("task", "handle"),
    "callback": ("operation", "code", ""),
    "wasip3_task_set": ("task",),
    "clone": ("task",),
    "drop": ("task",),
    "rust_spawn": ("task",),
}
INDEXES = {"task": "Task", "operation": "Operation", "handle": "Handle"}
NUMBERS: Mapping[str, tuple[str, ...]] = {"context.get": ("",), "context.set": ("",)}
# of the codes that several kinds of operations share, the names of copies
COPIES = {code: name for name, code in reversed(CODES.items())}


class Texts:
    """The texts of one divergence; `real` has the addresses that the walk has met."""

    def __init__(self, names: Names, real: RealNames) -> None:
        self.names = names
        self.tasks = {address: task for task, address in real.tasks.items()}
        self.operations = real.operations

    def of_model(self, parted: Parted) -> str:
        """Return what the model does."""
        if parted.expected is None:
            return self._line(parted.model.split(" "))
        return self._line([parted.expected.kind, *map(self._word, parted.expected.words)])

    def of_crate(self, parted: Parted) -> str:
        """Return what the crate does."""
        return self._line(parted.real.split(" "))

    def _word(self, word: Word) -> str:
        """Write a word of the model as the driver would, but with the names of tasks and such."""
        if isinstance(word, str):
            return word
        kind, number = word
        return str(number + 1) if kind == "handle" else self.names[INDEXES[kind]][number]

    def _line(self, words: Sequence[str]) -> str:
        match words:
            case ["call", name, *rest]:
                traps = ", which traps" if rest[-1:] == ["trap"] else ""
                rest = rest[:-1] if traps else rest
                kinds = NUMBERS.get(name, ("handle", "handle" if name.endswith("join") else ""))
                return f"calls {name}({self._arguments(kinds, rest)}){traps}"
            case ["abi", name, *rest]:
                return f"calls {name}({self._arguments(ARGUMENTS.get(name, ()), rest)})"
            case ["ret", *rest]:
                return f"returns {self._argument('operation', rest[0])}" if rest else "returns"
            case ["at", "poll" | "drop" as how, future, *rest]:
                verb = "polls" if how == "poll" else "drops"
                name = self._named("Future", future)
                return f"{verb} the future {name}" + self._result(rest)
            case ["at", "idle", code, *_]:
                return "returns to the host" + self._code(code)
            case ["at", "sync", *rest]:
                return "goes on in the export of synchronous type" + self._result(rest)
            case ["panic", "at", site]:
                # in the model
                return f"panics at {site}"
            case ["panic", place, *message]:
                return f"panics at {place}: {' '.join(message)}"
            case ["fault", *_]:
                return "touches memory that was freed"
        return " ".join(words)

    def _arguments(self, kinds: Sequence[str], words: Sequence[str]) -> str:
        padded = [*kinds, *[""] * len(words)]
        found = (self._argument(kind, word) for kind, word in zip(padded, words, strict=False))
        return ", ".join(found)

    def _argument(self, kind: str, word: str) -> str:
        if kind == "handle" and word.isdecimal():
            return "none" if word == "0" else self._named("Handle", str(int(word) - 1))
        if kind == "code" and word.isdecimal():
            return COPIES.get(int(word), word)
        if word in self.tasks:
            return self._named("Task", str(self.tasks[word]))
        if word in self.operations:
            return self._named("Operation", str(self.operations[word]))
        if found := re.fullmatch(r"(task|operation)-(\d+)", word):
            return self._named(INDEXES[found[1]], found[2])
        if kind == "task" and re.fullmatch(r"[0-9a-f]{4,}", word):
            return "another task"
        return "null" if kind == "task" and word == "0" else word

    def _named(self, index: str, number: str) -> str:
        members = self.names.get(index, ())
        known = number.isdecimal() and int(number) < len(members)
        return members[int(number)] if known else number

    @staticmethod
    def _result(words: Sequence[str]) -> str:
        """Say what the last poll of the program had as its result."""
        return "" if not words or words[0] == "-" else f"; the operation is {words[0]}"

    def _code(self, word: str) -> str:
        """Say which code an export or its callback returned."""
        if not word.isdecimal():
            return {"-": "", "*": ""}.get(word, f", {word}")
        code = int(word)
        if code in (EXIT, YIELD):
            return " with EXIT" if code == EXIT else " with YIELD"
        if code & 0xF == WAIT:
            return f" with WAIT on {self._argument('handle', str(code >> 4))}"
        return f" with the code {code}"
