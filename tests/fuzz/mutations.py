"""Mutations of valid documents: of their tokens, their structure and their bytes."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[\w.]+|\s+|.', re.DOTALL)

NUMBERS = [
    *("0", "-1", "1", "2", "255", "256", "65536", "2147483647", "2147483648", "4294967296"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 400),
    *("1" * 5_000, "0x" + "f" * 5_000, "1e999", "-0", "0.5", "2.0", "1e-400", "nan", "inf"),
    *(
        "\N{SUPERSCRIPT TWO}",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "1_000",
        "01",
        "+1",
        "0b1",
        "1979-05-27",
    ),
]
"""Numbers, and what may be taken for one."""

WORDS = [
    *("", " ", "x", "%s", "{0}", "{x}", "[red]", "[/]", "[bold", ":smile:", "$HOME", "`id`", "*"),
    *("..", "/", "/dev/null", "-", "--help", "None", "true", "null", "h0", "h1"),
    *("h99", "h\N{SUPERSCRIPT TWO}", "v1", "v1/v1/v1", "a/b", "a.b", "a=b", "a,b", "#", "'", '"'),
    *("\\", "\\u0000", "\\ud800", "\N{SNOWMAN}", "e\N{COMBINING ACUTE ACCENT}", "x" * 3_000),
    *("\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\U0010ffff", "\r"),
    *(
        "__class__",
        "__import__",
        "lambda",
        "self",
        "del",
        "wakeproof",
        "Task",
        "no-panic",
        "subtask",
    ),
]
"""Words that something may treat as more than a word."""

PIECES = [*"[]{}()=,.:;|\"'#\\\n\t\r", '"""', "'''", "[[", "]]", "{}", "[]", "()", "->", "::", "/*"]
"""Signs that begin, end or part something."""


def hostile(rng: random.Random) -> str:
    """Return a word, a number or a sign."""
    words: list[str] = rng.choice([NUMBERS, WORDS, WORDS, PIECES])
    return rng.choice(words)


# --- tokens ---------------------------------------------------------------------------------------


def tokens(text: str) -> list[str]:
    """Divide a text into strings, words, spaces and signs."""
    return [str(found[0]) for found in TOKEN.finditer(text)]


def mutate_tokens(rng: random.Random, text: str, times: int = 1) -> str:
    """Change some tokens of a text."""
    parts = tokens(text)
    for _ in range(times):
        places = [i for i, part in enumerate(parts) if part.strip()]
        if not places:
            return hostile(rng)
        at, other = rng.choice(places), rng.choice(places)
        part = parts[at]
        match rng.randrange(9):
            case 0:
                parts[at] = hostile(rng)
            case 1:
                parts[at] = parts[other]
            case 2:
                parts[at], parts[other] = parts[other], part
            case 3:
                del parts[at]
            case 4:
                parts.insert(at, part)
            case 5:
                parts.insert(at, hostile(rng))
            case 6 if part.startswith('"'):
                inner = part[1:-1]
                cut = rng.randrange(len(inner) + 1)
                parts[at] = f'"{inner[:cut]}{rng.choice(WORDS)}{inner[cut:]}"'
            case 7 if part[:1].isdigit():
                parts[at] = rng.choice(NUMBERS)
            case _:
                begin, end = sorted((at, other))
                parts[begin:end] = (
                    parts[begin:end] * rng.choice([0, 2]) if end - begin < 200 else []
                )
    return "".join(parts)


def kind_of(token: str) -> str:
    """Return whether a token is a word, a number, a string or a sign."""
    first = token[0]
    return "word" if first.isalpha() or first == "_" else "number" if first.isdigit() else first


def mutate_alike(rng: random.Random, text: str) -> str:
    """Replace a token by another one of its kind, so that the text is more often well formed."""
    parts = tokens(text)
    places = [i for i, part in enumerate(parts) if kind_of(part) in ("word", "number", '"')]
    if not places:
        return hostile(rng)
    at = rng.choice(places)
    kind = kind_of(parts[at])
    alike = [parts[i] for i in places if kind_of(parts[i]) == kind]
    parts[at] = rng.choice(NUMBERS[:14] if kind == "number" and rng.random() < 0.5 else alike)
    return "".join(parts)


def mutate_lines(rng: random.Random, text: str) -> str:
    """Move, repeat or delete lines, or what a line begins with."""
    lines = text.splitlines()
    if not lines:
        return hostile(rng)
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = rng.choice(["    ", "\t", " "]) + lines[at]
        case 4:
            lines[at] = lines[at].lstrip()
        case _:
            lines[at : at + rng.randrange(9)] = []
    return "\n".join(lines) + "\n"


def truncated(rng: random.Random, text: str) -> str:
    """Return the beginning of a text."""
    return text[: rng.randrange(max(1, len(text.rstrip())))]


def nested(rng: random.Random, text: str) -> str:
    """Put many parentheses at a token of a text."""
    parts = tokens(text) or [""]
    at = rng.randrange(len(parts))
    begin, end = rng.choice(
        [("[", "]"), ("(", ")"), ("{", "}"), ("not ", ""), ("-", ""), ("a.", "")]
    )
    count = rng.choice([30, 120, 1_500, 60_000])
    parts[at] = begin * count + parts[at] + end * rng.choice([0, count])
    return "".join(parts)


# --- bytes ----------------------------------------------------------------------------------------


def encoded(rng: random.Random, text: str) -> bytes:
    """Encode a text in another way than UTF-8, or damage its bytes."""
    data = text.encode("utf-8", "surrogatepass")
    at = rng.randrange(len(data) + 1)
    match rng.randrange(7):
        case 0:
            return text.encode("utf-16", "replace")
        case 1:
            return b"\xef\xbb\xbf" + data
        case 2:
            return data.replace(b"\n", b"\r\n")
        case 3:
            return data.replace(b"\n", b"\r")
        case 4:
            return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        case 5:
            return data[:at] + rng.choice([b"\x00", b"\x1b", b"\xff", b"\xed\xa0\x80"]) + data[at:]
        case _:
            return data[:at] + rng.randbytes(rng.randrange(1, 20)) + data[at:]


def not_utf_8(rng: random.Random, text: str) -> bytes:
    """Return a text with bytes that UTF-8 does not have."""
    data = text.encode()
    at = rng.randrange(len(data) + 1)
    # not inside of a letter, where they would be damage as well, but of another kind
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += 1
    return data[:at] + rng.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8"]) + data[at:]


# --- values ---------------------------------------------------------------------------------------

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 0.5, 1e300, float("inf")),
    *("", "x", "no-panic", "v1", [], {}, [[]], [None], {"": ""}, {"x": {"x": {}}}, ["x"] * 300),
]
"""Values of every type."""


def mutate_value(rng: random.Random, document: Any) -> Any:
    """Change one place of a document of dictionaries and lists."""
    document = copy.deepcopy(document)
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            places.append((value, key))
            if isinstance(member, dict | list):
                collect(member)

    collect(document)
    if not places:
        return rng.choice(VALUES)
    # rare keys as often as those of a long list
    kinds = sorted({str(key) if isinstance(key, str) else "#" for _, key in places})
    kind = rng.choice(kinds)
    chosen = [p for p in places if (p[1] if isinstance(p[1], str) else "#") == kind]
    inside, key = rng.choice(chosen)
    alike = [v[k] for v, k in places if type(v[k]) is type(inside[key])]
    match rng.randrange(10):
        case 0:
            del inside[key]
        case 1:
            inside[key] = copy.deepcopy(rng.choice(VALUES))
        case 2 | 3 | 4:
            # of the same type, so that it gets further
            inside[key] = copy.deepcopy(rng.choice(alike))
        case 5 | 6 if isinstance(inside[key], str):
            inside[key] = rng.choice([*WORDS, inside[key] + rng.choice(WORDS)])
        case 5 | 6 if isinstance(inside[key], list):
            inside[key] = rng.choice([[], inside[key] * 2, inside[key][1:], inside[key][::-1]])
        case 7 if isinstance(inside, dict):
            inside[rng.choice(WORDS)] = copy.deepcopy(rng.choice([*VALUES, inside[key]]))
        case _:
            inside[key] = rng.choice([[inside[key]], {"x": inside[key]}, str(inside[key])])
    return document


# --- all of them ----------------------------------------------------------------------------------

Mutation = Callable[[random.Random, str], str | bytes]

TEXT: Sequence[tuple[int, Mutation]] = [
    (14, mutate_alike),
    (4, mutate_tokens),
    (2, lambda rng, text: mutate_tokens(rng, text, rng.randrange(2, 8))),
    (2, mutate_lines),
    (1, truncated),
    (1, nested),
    (1, encoded),
]
"""Mutations of any text, and how often each is taken."""


def mutate(rng: random.Random, text: str) -> bytes:
    """Change a text in some way; it may be valid still."""
    (mutation,) = rng.choices([m for _, m in TEXT], [weight for weight, _ in TEXT])
    found = mutation(rng, text)
    return found if isinstance(found, bytes) else found.encode("utf-8", "surrogatepass")
