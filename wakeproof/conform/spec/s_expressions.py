"""Read S-expressions of the text format of WebAssembly, with the place of each in the text.

An atom is a word, or a string with its escapes resolved. Comments are `;; ...` and `(; ... ;)`, the
latter nested; an annotation `(@name ...)` is read as a list like others.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from wakeproof.errors import InputError

HINT = "give a file in the text format of WebAssembly"
TOKEN = re.compile(
    r"""
      (?P<space>\s+|;;[^\n]*)
    | (?P<comment>\(;)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<word>[^\s"();]+)
    """,
    re.VERBOSE,
)
COMMENT_EDGE = re.compile(r"\(;|;\)")
ESCAPE = re.compile(r"\\(u\{[0-9A-Fa-f_]+\}|[0-9A-Fa-f]{2}|.)")
ESCAPED = {"n": b"\n", "t": b"\t", "r": b"\r", '"': b'"', "'": b"'", "\\": b"\\"}


@dataclass(frozen=True)
class Atom:
    """A word of the text, or a string without its quotes; `line` counts from 1."""

    text: str
    line: int
    quoted: bool = False


@dataclass(frozen=True)
class List:
    """A list in parentheses: its members, its line, and its text from `start` to `end`."""

    members: tuple[Atom | List, ...]
    line: int
    start: int
    end: int

    @property
    def head(self) -> str:
        """The word that a list begins with; empty if it begins with something else."""
        return self.word(0)

    def word(self, number: int) -> str:
        """Return the word at a place of the list, empty if none is there."""
        found = self.members[number] if number < len(self.members) else None
        return found.text if isinstance(found, Atom) and not found.quoted else ""

    def lists(self) -> list[List]:
        """List the members that are lists."""
        return [member for member in self.members if isinstance(member, List)]

    def strings(self) -> list[str]:
        """List the members that are strings."""
        return [m.text for m in self.members if isinstance(m, Atom) and m.quoted]


class Reader:
    """A pass over one text."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def line(self, position: int) -> int:
        """Return the line of a position in the text."""
        return bisect.bisect_right(self.starts, position)

    def wrong(self, what: str, position: int) -> InputError:
        """Return the error for a place in the text."""
        return InputError(what, where=f"{self.name}:{self.line(position)}", hint=HINT)

    def read(self) -> list[List]:
        """Read the whole text. Raises `InputError` with the line where it is no list of lists."""
        found: list[List] = []
        opened: list[tuple[int, list[Atom | List]]] = []
        position = 0
        while position < len(self.text):
            token = TOKEN.match(self.text, position)
            if token is None:
                raise self.wrong("a string does not end in its line", position)
            begin, position = position, token.end()
            match token.lastgroup:
                case "space":
                    continue
                case "comment":
                    position = self.comment_end(begin)
                    continue
                case "open":
                    opened.append((begin, []))
                    continue
                case "close" if not opened:
                    raise self.wrong("a parenthesis is closed and was not opened", begin)
                case "close":
                    start, members = opened.pop()
                    made = List(tuple(members), self.line(start), start, position)
                    if not opened:
                        found.append(made)
                        continue
                    new: Atom | List = made
                case _ if not opened:
                    raise self.wrong(f"{token[0]} stands outside of parentheses", begin)
                case "string":
                    new = Atom(self.unescaped(token[0][1:-1], begin), self.line(begin), True)
                case _:
                    new = Atom(token[0], self.line(begin))
            opened[-1][1].append(new)
        if opened:
            raise self.wrong("a parenthesis is not closed", opened[-1][0])
        return found

    def comment_end(self, begin: int) -> int:
        """Return where a comment in parentheses ends; such comments nest."""
        depth = 0
        for edge in COMMENT_EDGE.finditer(self.text, begin):
            depth += 1 if edge[0] == "(;" else -1
            if depth == 0:
                return edge.end()
        raise self.wrong("a comment is not closed", begin)

    def unescaped(self, text: str, position: int) -> str:
        """Resolve the escapes of a string; a byte `\\hh` becomes the character of that number."""

        def resolve(found: re.Match[str]) -> str:
            word = found[1]
            if word in ESCAPED:
                return ESCAPED[word].decode()
            if word.startswith("u{"):
                number = int(word[2:-1].replace("_", ""), 16)
                if number > 0x10FFFF or 0xD800 <= number < 0xE000:
                    raise self.wrong(f"\\{word} is not a character", position)
                return chr(number)
            if len(word) == 2:
                return bytes([int(word, 16)]).decode("latin-1")
            raise self.wrong(f"\\{word} is not an escape", position)

        return ESCAPE.sub(resolve, text)


def read_lists(text: str, name: str) -> list[List]:
    """Read the lists of a text; `name` is the file that errors name. Raises `InputError`."""
    return Reader(text, name).read()
