"""Proposed lemmas: the goal of a search, the text of the lemmas, and their proof."""

from __future__ import annotations

import ast
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.language.sources import Source
from wakeproof.prove.houdini import prove
from wakeproof.prove.infer.lemma_source import file_text
from wakeproof.prove.infer.pdr import Inferred
from wakeproof.prove.lemma_sources import proof_sources, sources_with_lemmas
from wakeproof.prove.merged_actions import merged_name
from wakeproof.prove.obligation import actions_of
from wakeproof.prove.proof import Job, Proof
from wakeproof.scenario.mixes import Mix
from wakeproof.util.text import plural

FILE = "inferred.py"
"""The file of the proposals, if no fields of a version are in them."""


def goal_of(model: Model, resolved: Resolved, wanted: str) -> str:
    """The fact or the site with this name. Raises `InputError` if it is neither."""
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


def proposals(model: Model, mix: Mix, resolved: Resolved, found: Inferred) -> tuple[str, str]:
    """The text of the lemmas, and the version to whose lemmas it belongs (empty: to all).

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
    names = free_names(resolved.program.functions)
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


def free_names(taken: Mapping[str, object]) -> Iterator[str]:
    """Names for proposals, without an end, none of which is taken."""
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
    on_progress: Callable[[str], None],
) -> Proof:
    """Prove a copy of the model in which the text is among the lemmas."""

    def on_done(job: Job, _: object, left: int) -> None:
        on_progress(
            f"proving what is proposed: {plural(left, 'action')} left, "
            f"{merged_name(job.actions)} done"
        )

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
