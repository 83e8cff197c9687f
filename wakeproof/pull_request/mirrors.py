"""Which functions of the model mirror a function of the crate.

The docstring of a function of the model names the Rust function that it mirrors, and a site of the
model is in the Rust function that the table of sites names. A function of the same name mirrors it
too, unless its docstring names one of another type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wakeproof.language import ir
from wakeproof.language.analysis import nodes
from wakeproof.language.sites import Site

NAMES = re.compile(r"`(\w+(?:::\w+)*)`")
# a type of 0.58.0, whose text is the base of the model, and its name since
RENAMED = ("FutureState", "TaskState")
# the trait whose functions the model has once for all types
TRAIT = "WaitableOp::"
# the marks of what is not a part of the crate: steps of all sides, builtins of the host, properties
OUTSIDE = {"action", "builtin", "invariant"}


class Mirrors:
    """The functions of one program, by the functions of the crate that they mirror."""

    def __init__(self, program: ir.Program, sites: Mapping[str, Site]) -> None:
        self.documented: dict[str, set[str]] = {}
        self.at_sites: dict[str, set[str]] = {}
        for name, function in program.functions.items():
            plain = plain_name(name)
            if OUTSIDE & function.marks.keys():
                continue
            self.documented.setdefault(plain, set()).update(
                found.replace(*RENAMED) for found in NAMES.findall(function.doc)
            )
            for node in nodes(function.body):
                site = sites.get(getattr(node, "site", ""))
                if site is not None:
                    self.at_sites.setdefault(site.function, set()).add(plain)

    def of(self, rust: str) -> set[str]:
        """Return the names of the functions that mirror a Rust function; empty if none does."""
        rust = rust.replace(*RENAMED)
        owner, _, last = rust.rpartition("::")
        found = set(self.at_sites.get(rust, ()))
        for name, documented in self.documented.items():
            paths = {path for path in documented if path.endswith(f"::{last}")}
            others = {path for path in paths if path != rust and not path.startswith(TRAIT)}
            if rust in documented or (not others and (name == last or last in documented)):
                found.add(name)
        if found or not owner:
            return found
        return {name for name, documented in self.documented.items() if owner in documented}


def plain_name(name: str) -> str:
    """Return the name of a function of the model without the version of its text."""
    return name.partition("__")[0]
