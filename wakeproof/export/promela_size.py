"""How much of a model in Promela Spin takes in one `d_step`.

Spin makes a label for each element of a `d_step`, in a table of fixed size that also has the labels
to which a `d_step` leads, and refuses a longer one. An element is a statement, a condition, or the
end of an `if`; a loop over a range is several.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

MOST = 2048
"""The size of Spin's table."""
EXITS = 16
"""Places in it for the labels to which the blocks lead: one each, and most lead to the same."""

OF_WORD = {"if": 2, "fi": 0, "do": 2, "od": 0, "for": 8, "d_step": 0, "atomic": 0}
"""The elements of what begins with a word; one, if the word is not here.

A `for` is the start of its variable, the loop, its condition, the next value, the other branch,
the way out and two ends."""
COMMENT = re.compile(r"/\*.*?\*/")
NESTED = re.compile(r"[(\[][^()\[\]]*[)\]]")
LABEL = re.compile(r"^\w+:")


def elements(lines: Sequence[str]) -> int:
    """Return the number of elements that lines of statements are for Spin.

    An inline that they name is one element, beside those of its body.
    """
    return sum(map(_elements, lines))


def fits(count: int) -> bool:
    """Return whether Spin takes a `d_step` of so many elements."""
    return count <= MOST - EXITS


@functools.lru_cache(maxsize=100_000)
def _elements(line: str) -> int:
    text = COMMENT.sub("", line)
    inner = ""
    while inner != text:
        # an arrow in parentheses is part of a value
        inner, text = text, NESTED.sub("0", text)
    count = 0
    for part in re.split(r";|->|::|[{}]", text):
        word = re.search(r"\w+", LABEL.sub("", part.strip()))
        count += OF_WORD.get(word[0], 1) if word else 0
    return count
