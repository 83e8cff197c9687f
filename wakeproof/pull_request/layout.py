"""The layout of the C ABI's structs in a checkout: what `cabi.rs` declares, beside the release."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from wakeproof.crates import rust_source
from wakeproof.crates.checkout import Checkout
from wakeproof.errors import ModelError
from wakeproof.pull_request.result import LAYOUT
from wakeproof.review.struct_layout import Rule, Structs, rules

STRUCT = re.compile(r"#\[repr\(C\)\] pub struct (\w+) \{([^}]*)\}")
FIELD = re.compile(r"(?:pub )?(\w+): (.+)")
NUMBER = re.compile(r"const WASIP3_TASK_V(\d+): u32 = (\d+);")


def layout_changes(checkout: Checkout) -> tuple[list[str], list[Rule]]:
    """Return what differs from the structs of the release, and then the rules of compatibility."""
    old = structs_in(checkout.original_file(LAYOUT), checkout.release)
    new = structs_in(checkout.file(LAYOUT), "the checkout")
    if old is None or new is None:
        return [], []
    changes = list(_changes(old, new))
    if not changes:
        return [], []
    try:
        return changes, [*rules(old, new), *_of_older_tasks(old, new)]
    except ModelError as error:
        return changes, [Rule("the structs have a layout that is known", False, error.what)]


def _of_older_tasks(old: Structs, new: Structs) -> Iterator[Rule]:
    """Yield the rule for the structs of tasks of older versions, which the task does not lead to.

    A released struct cannot change: it is how an older task is read, and how older code reads one.
    """
    changed = [
        name
        for name, fields in old.structs.items()
        if name not in old.used()
        and list(fields.items()) != list(new.structs.get(name, {}).items())
    ]
    if changed:
        says = (
            f"the structs of older tasks are those of {old.version}: code that has them reads such "
            "tasks"
        )
        yield Rule(says, False, f"{', '.join(changed)} changed")


def _changes(old: Structs, new: Structs) -> Iterator[str]:
    """Yield a line for each field and number that differs."""
    if old.abi != new.abi:
        yield f"the version of the ABI was {old.abi} and is {new.abi}"
    for name in dict.fromkeys((*old.structs, *new.structs)):
        before, after = old.structs.get(name, {}), new.structs.get(name, {})
        for field in dict.fromkeys((*before, *after)):
            if field not in after:
                yield f"{name}.{field} is gone"
            elif field not in before:
                yield f"{name}.{field} is new: {after[field]}"
            elif before[field] != after[field]:
                yield f"{name}.{field} was {before[field]} and is {after[field]}"
        if list(before) != list(after) and set(before) == set(after):
            yield f"the fields of {name} are in another order"


def structs_in(text: str, version: str) -> Structs | None:
    """Read the structs of a text, of which the last without a pointer to it is that of the task."""
    code = " ".join(line for _, line in rust_source.code_lines(text))
    structs = {found[1]: dict(_fields(found[2])) for found in STRUCT.finditer(code)}
    tables = {kind.removeprefix("&") for fields in structs.values() for kind in fields.values()}
    tasks = [name for name in structs if name not in tables]
    if not tasks:
        return None
    known = {name: _with_pointers(fields, structs) for name, fields in structs.items()}
    numbers = [int(number) for _, number in NUMBER.findall(code)]
    return Structs(version, max(numbers, default=0), tasks[-1], known, LAYOUT)


def _fields(body: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a struct: name, and type as a version file declares it."""
    depth, start = 0, 0
    for place, letter in enumerate(f"{body},"):
        depth += (letter in "(<[") - (letter in ")]" or (letter == ">" and body[place - 1] != "-"))
        if letter == "," and depth == 0:
            found = FIELD.fullmatch(body[start:place].strip())
            start = place + 1
            if found is not None:
                yield found[1], _type(found[2])


def _type(rust: str) -> str:
    """Return a type in the words of a version file."""
    rust = re.sub(r'\bunsafe |extern "C" ', "", rust).strip()
    rust = re.sub(r"\bfn\s*\(", "fn(", rust)
    if rust.startswith(("fn(", "Option<fn(")):
        return " ".join(rust.replace(",)", ")").replace(", )", ")").split())
    if rust.startswith(("&", "*")):
        return "&" + re.sub(r"^(?:&(?:'\w+ )?(?:mut )?|\*(?:const|mut) )", "", rust)
    return rust


def _with_pointers(fields: Mapping[str, str], structs: Mapping[str, object]) -> dict[str, str]:
    """Replace pointers to what is not a struct of the text by `ptr`."""
    return {
        name: "ptr" if kind.startswith("&") and kind[1:] not in structs else kind
        for name, kind in fields.items()
    }
