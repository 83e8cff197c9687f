"""The text of a lemma that some conditions never hold at once: a sentence, a function, a file."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from wakeproof.language import ir
from wakeproof.language.values import Scalar
from wakeproof.prove.infer.cube import Condition, Never, members_of

WIDTH = 100

LINE = 70


def sentence(program: ir.Program, lemma: Never) -> str:
    """The lemma as a sentence."""
    return "never at once: " + "; ".join(_words(program, c, lemma) for c in lemma)


def function_text(program: ir.Program, lemma: Never, name: str) -> str:
    """The lemma as a function of the model language."""
    counts = members_of(lemma)
    variables = [(_variable(k, i, counts), k) for k, n in counts.items() for i in range(n)]
    parts = [
        f"{a} == {b}"
        for (a, kind), (b, other) in itertools.combinations(variables, 2)
        if kind == other
    ]
    parts += [_text(program, c, counts, negated=True) for c in lemma]
    lines = [" or ".join(parts)]
    if len(lines[0]) > LINE:
        lines = [parts[0], *(f"or {part}" for part in parts[1:])]
    if not variables and len(lines) > 1:
        lines = ["(", *("    " + line for line in lines), ")"]
    for variable, kind in reversed(variables):
        every = f"for {variable} in {kind}"
        if len(lines) == 1 and len(lines[0]) + len(every) < LINE:
            lines = [f"all({lines[0]} {every})"]
        else:
            lines = ["all(", *("    " + line for line in lines), f"    {every}", ")"]
    return "\n".join(
        [
            *_mark(sentence(program, lemma)),
            f"def {name}() -> bool:",
            '    """Proposed by a search: why is it so?"""',
            f"    return {lines[0]}",
            *("    " + line for line in lines[1:]),
        ]
    )


def file_text(program: ir.Program, lemmas: Mapping[str, Never], modules: Mapping[str, str]) -> str:
    """A file of lemmas; `modules` are those that define `s`, `p` and the enumerations."""
    spaces = {c.space for lemma in lemmas.values() for c in lemma}
    types = {kind for lemma in lemmas.values() for kind in members_of(lemma)}
    types |= {
        kind.name
        for lemma in lemmas.values()
        for c in lemma
        for kind in c.kinds
        if kind.kind == "enum"
    }
    by_module: dict[str, list[str]] = {}
    for name in sorted(spaces | types):
        by_module.setdefault(modules[name], []).append(name)
    imports = [
        f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())
    ]
    functions = [function_text(program, lemma, name) for name, lemma in lemmas.items()]
    head = ["from __future__ import annotations", "", *imports]
    return (
        "\n".join([*head, "from wakeproof.language import lemma", "", "", ""])
        + "\n\n\n".join([*functions])
        + "\n"
    )


def _mark(text: str) -> list[str]:
    """The decorator, with its text in as many lines as it needs."""
    line = f'@lemma("{text}")'
    if len(line) <= WIDTH:
        return [line]
    parts = text.split("; ")
    pieces = [f'    "{part}; "' for part in parts[:-1]] + [f'    "{parts[-1]}"']
    return ["@lemma(", *pieces, ")"]


def _variable(kind: str, number: int, counts: Mapping[str, int]) -> str:
    """`task`, or `task1`, `task2` where there are several."""
    return kind.lower() + (str(number + 1) if counts[kind] > 1 else "")


def _constant(program: ir.Program, value: Scalar, kind: ir.Type) -> str:
    if value is None or kind.kind != "enum":
        return str(value)
    return f"{kind.name}.{program.enums[kind.name][int(value)]}"


def _cell(program: ir.Program, c: Condition, counts: Mapping[str, int]) -> str:
    keys = "".join(
        f"[{_variable(kind.name, key, counts)}]"
        if kind.kind == "index"
        else f"[{_constant(program, key, kind)}]"
        for kind, key in zip(c.kinds, c.keys, strict=False)
    )
    return f"{c.space}.{c.field}{keys}"


def _value(program: ir.Program, c: Condition, counts: Mapping[str, int]) -> str:
    kind = c.kinds[-1]
    if kind.kind == "index" and c.value is not None:
        return _variable(kind.name, int(c.value), counts)
    return _constant(program, c.value, kind)


def _text(program: ir.Program, c: Condition, counts: Mapping[str, int], negated: bool) -> str:
    same = c.same != negated
    cell, kind = _cell(program, c, counts), c.kinds[-1]
    if kind.kind == "bool":
        return cell if bool(c.value) == same else f"not {cell}"
    if c.value is None:
        return f"{cell} is None" if same else f"{cell} is not None"
    return f"{cell} {'==' if same else '!='} {_value(program, c, counts)}"


def _words(program: ir.Program, c: Condition, lemma: Never) -> str:
    counts = members_of(lemma)
    cell, kind = _cell(program, c, counts)[2:], c.kinds[-1]
    if kind.kind == "bool":
        return cell if bool(c.value) == c.same else f"not {cell}"
    value = "nothing" if c.value is None else _value(program, c, counts).rpartition(".")[2]
    return f"{cell} is {'' if c.same else 'not '}{value}"
