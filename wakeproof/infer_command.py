"""`wakeproof prove --infer`: look for lemmas, prove them like all others, print their text."""

from __future__ import annotations

import ast
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from wakeproof.commands.output import status_line
from wakeproof.errors import Exit, InputError
from wakeproof.induction import actions_of
from wakeproof.infer import INTERRUPTED, Inferred, infer
from wakeproof.joined import joint_name
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.language.sources import Source
from wakeproof.lemma_text import file_text, sentence
from wakeproof.prove import (
    Job,
    Proof,
    proof_sources,
    prove,
    resolve_with_lemmas,
    sources_with_lemmas,
)
from wakeproof.report.terminal.counterexamples import print_walk
from wakeproof.report.terminal.verdicts import make_console
from wakeproof.scenario.mixes import Mix, mix_name

SECONDS = 600.0
"""How long a search may take if nobody says otherwise."""

FILE = "inferred.py"
"""The file of the proposals, where no version's fields are in them."""

NOT_PROVED = "interrupted before the proposals were proved: they are proposals, no more"


def infer_command(
    model: Model,
    mixes: Sequence[Mix],
    sizes: Mapping[str, int],
    options: Mapping[str, Any],
) -> int:
    """Look for lemmas for one property, or one site of a way to go wrong, in one mix."""
    console = make_console()
    if len(options["properties"]) != 1 or len(mixes) != 1:
        raise InputError(
            "--infer looks for the lemmas of one property in one mix",
            hint="name it: --infer --property one-home",
        )
    for option, said in (
        ("any_number", "--any-number"),
        ("json_file", "--json"),
        ("report_file", "--report"),
        ("certificates", "--certificates"),
    ):
        if options[option]:
            raise InputError(
                f"--infer proposes lemmas, and has no {said}",
                hint="put the proposals into the lemmas, then prove",
            )
    (mix,) = mixes
    resolved = resolve_with_lemmas(model, mix)
    goal = goal_of(model, resolved, options["properties"][0])
    numbers = ", ".join(f"{number} {name}" for name, number in sizes.items())
    console.print(f"\n{goal}  {mix_name(mix)}  {numbers}", markup=False, highlight=False)
    with status_line(console, "reading") as say:
        found = infer(resolved, sizes, goal, options["seconds"] or SECONDS, say)
    say_how_it_went(console, found)
    if found.violation is not None:
        print_walk(console, resolved, sizes, found.violation)
        return Exit.NOT_AS_EXPECTED
    if not found.lemmas:
        return Exit.UNKNOWN if found.reason else Exit.AS_EXPECTED
    text, version = proposals(model, mix, resolved, found)
    if found.reason == INTERRUPTED:
        console.print(f"{NOT_PROVED}\n\n{text}", markup=False, highlight=False, soft_wrap=True)
        return Exit.UNKNOWN
    with status_line(console, "proving what is proposed") as say:
        proof = prove_with(text, version, model, mix, sizes, say)
    return say_what_is_proved(console, goal, proof, resolved, found, text)


def goal_of(model: Model, resolved: Resolved, wanted: str) -> str:
    """The fact or the site that is meant; what is neither is refused."""
    properties = model.properties
    known = Proof({}, {}, resolved, [], actions_of(resolved.program))
    goals = [p.id for p in properties.values() if not p.outcome]
    goals += [f"{p.outcome} {s}" for p in properties.values() for s in known.sites(p.outcome)]
    if wanted in goals:
        return wanted
    if wanted in properties:
        kind = properties[wanted].outcome
        first = next((goal for goal in goals if goal.startswith(f"{kind} ")), "")
        raise InputError(
            f"{wanted} is about many sites", hint=f"name one of them: --property '{first}'"
        )
    raise InputError(f"unknown property {wanted!r}", hint="one of " + ", ".join(properties))


# --- the text of the proposals ------------------------------------------------------------------


def proposals(model: Model, mix: Mix, resolved: Resolved, found: Inferred) -> tuple[str, str]:
    """The text of what was found, and the version to whose lemmas it belongs (none: to all).

    A lemma about a field that a version adds is read where that version takes part.
    """
    sources = sources_with_lemmas(model)
    chains = [version for role in mix for version in sources.chain(mix[role])]
    texts = [("", source) for source in sources.base]
    texts += [(v, sources.versions[v].source) for v in dict.fromkeys(chains)]
    modules: dict[str, str] = {}
    fields: dict[str, str] = {}
    for version, source in texts:
        module = f"model.versions.{version}" if version else f"model.{source.path.stem}"
        for name in _names(source):
            modules.setdefault(name, module)
        for name in _fields(source):
            fields.setdefault(name, version)
    used = {fields.get(c.field, "") for lemma in found.lemmas for c in lemma if c.space == "s"}
    latest = max(used, key=lambda version: len(sources.chain(version)) if version else 0)
    if latest:
        modules["s"] = f"model.versions.{latest}"
    names = _free_names(resolved.program.functions)
    lemmas = {next(names): lemma for lemma in found.lemmas}
    return file_text(resolved.program, lemmas, modules), latest


def _names(source: Source) -> Iterator[str]:
    """The types and spaces that a file declares."""
    for node in source.tree.body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id="s" | "p" as name)]):
                yield name
            case ast.AnnAssign(target=ast.Name(id="s" | "p" as name)):
                yield name


def _fields(source: Source) -> Iterator[str]:
    """The fields that the classes of a file declare."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    yield part.target.id


def _free_names(taken: Mapping[str, object]) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        if (name := f"inferred_{number}") not in taken:
            yield name


def prove_with(
    text: str,
    version: str,
    model: Model,
    mix: Mix,
    sizes: Mapping[str, int],
    say: Callable[[str], None],
) -> Proof:
    """Prove a copy of the model in which the text is among the lemmas."""

    def on_done(job: Job, _: object, left: int) -> None:
        say(f"proving what is proposed: {left} actions left, {joint_name(job.actions)} done")

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model"
        shutil.copytree(model.root, copy)
        if not (copy / "proofs").is_dir():
            shutil.copytree(proof_sources(model), copy / "proofs")
        place = copy / "proofs" / (f"{version}.py" if version else FILE)
        before = place.read_text(encoding="utf-8") if place.exists() else ""
        place.write_text(f"{before}\n\n{text}", encoding="utf-8")
        (proof,) = prove(Model(copy, model.extra), [mix], sizes, on_done)
    return proof


# --- what is said -------------------------------------------------------------------------------


def say_how_it_went(console: Console, found: Inferred) -> None:
    """Whether the search came to its end."""

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    line(f"{found.states} states were reached on walks")
    if found.reason and not found.lemmas:
        line(f"no set of lemmas was found: {found.reason}")
    elif not found.lemmas:
        line("no lemma is missing: it is inductive with the facts that there are")


def say_what_is_proved(
    console: Console, goal: str, proof: Proof, resolved: Resolved, found: Inferred, text: str
) -> int:
    """Each proposal, whether every obligation of it is proved, and the text of all."""

    def line(words: str) -> None:
        console.print(words, markup=False, highlight=False, soft_wrap=True)

    names = _free_names(resolved.program.functions)
    if not proof.finished:
        line(NOT_PROVED)
    for lemma in found.lemmas:
        name = next(names)
        verdict = "proved" if proof.holds(name) else "not proved"
        line(f"{name}, {verdict}: {sentence(resolved.program, lemma)}")
    holds = proof.holds(goal)
    if found.again:
        line(f"facts that fell and that the search takes up again: {', '.join(found.again)}")
    line(f"{goal} is {'proved' if holds else 'not proved'} with these, at these sizes")
    line("\nproposals, to be kept only with a reason:\n")
    line(text)
    return Exit.AS_EXPECTED if holds else Exit.UNKNOWN


__all__ = ["infer_command"]
