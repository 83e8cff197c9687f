"""Rust source text: its functions with their lines, and where two texts differ.

Comments and the white space within a line do not count. No syntax tree is made: braces, and the
words before them, suffice to find functions.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

# comments, strings and characters; a lifetime is not a character
TOKENS = re.compile(
    r"//[^\n]*|/\*.*?\*/"
    r'|br?(?P<fence>#*)"(?s:.*?)"(?P=fence)|r(?P<hashes>#+)"(?s:.*?)"(?P=hashes)'
    r'|"(?:\\.|[^"\\])*"'
    r"|b?'(?:\\.[^']*|[^\\'\n])'",
    re.DOTALL,
)
ITEM = re.compile(r"(?:pub(?:\([^)]*\))? )?(const|static|struct|enum|type) (?:mut )?(\w+)\b(?! fn)")
MARKS = re.compile(r"[{}()\[\];]")


@dataclass(frozen=True)
class RustFunction:
    """A function with a body: its name, as `WaitableOperation::cancel`, and its lines."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Difference:
    """A part of a text that differs: its lines in the old one, and in the new one.

    One of them is empty where lines are only added or only removed; `at` is then the line of the
    new text before which they were.
    """

    old: range
    new: range
    at: int


@functools.lru_cache(maxsize=256)
def functions_of(text: str) -> tuple[RustFunction, ...]:
    """Return the functions of a text in the order in which they end."""
    plain = _without(text, strings=True)
    found: list[RustFunction] = []
    scopes: list[_Scope] = []
    start, depths = 0, [0]
    for mark in MARKS.finditer(plain):
        match mark[0]:
            case "(" | "[":
                depths[-1] += 1
            case ")" | "]":
                depths[-1] -= 1
            case ";" if depths[-1] == 0:
                start = mark.end()
            case "{":
                scopes.append(_scope(plain, start, mark.start()))
                depths.append(0)
                start = mark.end()
            case "}":
                start = mark.end()
                depths = depths[:-1] or [0]
                if not scopes:
                    continue
                if scopes[-1].word == "fn":
                    found.append(_function(scopes, _line(plain, mark.start())))
                scopes.pop()
    return tuple(found)


def function_at(text: str, line: int) -> str:
    """Return the name of the innermost function around a line; empty outside of all."""
    around = [f for f in functions_of(text) if f.first <= line <= f.last]
    return min(around, key=lambda f: f.last - f.first).name if around else ""


def item_at(text: str, line: int) -> str:
    """Return the function around a line; outside of all, the item that begins there or before.

    That is a constant, a static or a type, such as `const BLOCKED`. Empty for anything else.
    """
    if name := function_at(text, line):
        return name
    for number, code in reversed(code_lines(text)):
        if number > line:
            continue
        if number < line and code.endswith(("}", ";")):
            # an item has ended before
            return ""
        if found := ITEM.match(code):
            return f"{found[1]} {found[2]}"
    return ""


def code_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines with code, without comments and outer space, each with its number."""
    lines = enumerate(_without(text, strings=False).split("\n"), 1)
    return [(number, " ".join(line.split())) for number, line in lines if line.strip()]


def differences(old: str, new: str) -> Iterator[Difference]:
    """Yield where the code of two texts differs, in order."""
    before, after = code_lines(old), code_lines(new)
    match = difflib.SequenceMatcher(None, [t for _, t in before], [t for _, t in after], False)
    for tag, i, i_end, j, j_end in match.get_opcodes():
        if tag != "equal":
            at = after[min(j, len(after) - 1)][0] if after else 1
            yield Difference(_lines(before[i:i_end]), _lines(after[j:j_end]), at)


def same_lines(old: str, new: str, line: int) -> set[int]:
    """Return the lines of the old text that a line of the new one may be.

    It is the line itself where the text is the same, else those that are changed there. A line
    that has moved is found within the function of the same name.
    """
    before, after = code_lines(old), code_lines(new)
    match = difflib.SequenceMatcher(None, [t for _, t in before], [t for _, t in after], False)
    found: set[int] = set()
    for tag, i, i_end, j, j_end in match.get_opcodes():
        for place in range(j, j_end):
            if after[place][0] == line:
                same = before[i + place - j : i + place - j + 1] if tag == "equal" else []
                found |= {number for number, _ in same or before[i:i_end]}
    name, text = function_at(new, line), dict(after).get(line)
    moved = {n for n, other in before if other == text and function_at(old, n) == name}
    return found | moved


def _lines(part: list[tuple[int, str]]) -> range:
    return range(part[0][0], part[-1][0] + 1) if part else range(0)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _without(text: str, strings: bool) -> str:
    """Blank comments, and with `strings` the content of strings; lines stay where they are."""

    def blank(token: re.Match[str]) -> str:
        if token[0][:2] in ("//", "/*"):
            return " " + "\n" * token[0].count("\n")
        return '""' + "\n" * token[0].count("\n") if strings else token[0]

    return TOKENS.sub(blank, text)


@dataclass(frozen=True)
class _Scope:
    """An open brace: the word that begins its scope (empty for others), a name, and the line."""

    word: str = ""
    name: str = ""
    line: int = 0


def _function(scopes: list[_Scope], last: int) -> RustFunction:
    """Return the function of the innermost scope; around a type's functions nothing counts."""
    types = [number for number, scope in enumerate(scopes) if scope.word == "impl"]
    names = [scope.name for scope in scopes[types[-1] if types else 0 :] if scope.name]
    return RustFunction("::".join(names), scopes[-1].line, last)


def _scope(text: str, start: int, end: int) -> _Scope:
    """Return what an open brace begins, from the words before it."""
    words = text[start:end]
    if found := re.search(r"\bfn\s+(\w+)", words):
        return _Scope("fn", found[1], _line(text, start + found.start()))
    if found := re.search(r"\b(mod|trait)\s+(\w+)", words):
        return _Scope(found[1], found[2])
    if found := re.search(r"\bimpl\b", words):
        return _Scope("impl", _type_of(words[found.end() :]))
    return _Scope()


def _type_of(words: str) -> str:
    """Return the name of the type of an `impl`, from what follows that word."""
    words = words.replace("->", " ")
    while (shorter := re.sub(r"<[^<>]*>", "", words)) != words:
        words = shorter
    words = re.split(r"\bwhere\b", words)[0]
    words = re.split(r"\bfor\b", words)[-1]
    found = re.findall(r"\w+", words)
    return found[-1] if found else ""
