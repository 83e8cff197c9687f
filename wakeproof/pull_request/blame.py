"""Where a model and a checkout part: the function of the crate that is to be named.

A changed function that is on the crate's stack, or that the model is in, comes first, the innermost
one of it; then a changed function that was reached before. If there is none, it is the function in
which the two sides part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wakeproof.crates import rust_source
from wakeproof.crates.checkout import ChangedFunction, Checkout
from wakeproof.pull_request.mirrors import Mirrors
from wakeproof.pull_request.result import Divergence
from wakeproof.pull_request.walks import Parting


@dataclass(frozen=True)
class Place:
    """A place of the crate: its function, file and line."""

    function: str
    file: str
    line: int


def divergence_of(
    parting: Parting,
    mirrors: Mirrors,
    checkout: Checkout,
    changed: Sequence[ChangedFunction],
    walks: int,
) -> Divergence:
    """Return the divergence, with the function that is to be named."""
    stack = places_of(parting.crate_stack, checkout)
    here = stack[0] if stack else _place_in_model(parting, mirrors, checkout)
    way = list(_changed_on_the_way(parting, mirrors, checkout, changed))
    if not way and len(changed) == 1:
        # nothing else is changed
        way = [(_as_place(changed[0]), 0)]
    place, step = way[0] if way else (here, len(parting.rows))
    return Divergence(
        place.function,
        place.file,
        place.line,
        bool(way),
        step,
        here.function,
        parting.scenario,
        parting.mix,
        parting.features,
        parting.rows,
        parting.model,
        parting.crate,
        tuple(dict.fromkeys(place.function for place, _ in way)),
        walks,
    )


def places_of(frames: Sequence[str], checkout: Checkout) -> list[Place]:
    """Return the functions of a stack of the crate, the innermost first."""
    found = []
    for frame in frames:
        file, _, rest = frame.partition(":")
        line = rest.partition(":")[0]
        if line.isdecimal():
            name = rust_source.function_at(checkout.file(file), int(line))
            found += [Place(name, file, int(line))] if name else []
    return found


def _changed_on_the_way(
    parting: Parting, mirrors: Mirrors, checkout: Checkout, changed: Sequence[ChangedFunction]
) -> Iterator[tuple[Place, int]]:
    """Yield the changed functions, the nearest first, each with the step that reached it last."""
    names = {function.name for function in changed}
    for place in places_of(parting.crate_stack, checkout):
        if place.function in names:
            yield place, len(parting.rows)
    mirrored = {function: mirrors.of(function.name) for function in changed}
    for name in parting.model_stack:
        for function in changed:
            if name in mirrored[function]:
                yield _as_place(function), len(parting.rows)
    seen = [
        (step, place.function)
        for frame, step in parting.seen.items()
        for place in places_of([frame], checkout)
    ]
    # when each was reached last: the step, then the order in the model
    reached = {
        function: max(
            [
                (step, order)
                for order, (name, step) in enumerate(parting.reached.items(), 1)
                if name in mirrored[function]
            ]
            + [(step, 0) for step, name in seen if name == function.name],
            default=(0, 0),
        )
        for function in changed
    }
    for function in sorted(changed, key=lambda f: reached[f], reverse=True):
        if (step := reached[function][0]) > 0:
            yield _as_place(function), step


def _place_in_model(parting: Parting, mirrors: Mirrors, checkout: Checkout) -> Place:
    """Return the function of the crate that mirrors where the model makes its call.

    One that several functions mirror says nothing: then the caller of it counts.
    """
    mirrored: dict[str, list[Place]] = {}
    for file in checkout.files():
        for function in rust_source.functions_of(checkout.file(file)):
            for name in mirrors.of(function.name):
                place = Place(function.name, file, function.first)
                mirrored.setdefault(name, []).append(place)
    names = [*parting.model_stack, *reversed(list(parting.reached))]
    one = (places[0] for name in names if len(places := mirrored.get(name, [])) == 1)
    return next(one, Place("the program", "", 0))


def _as_place(function: ChangedFunction) -> Place:
    return Place(function.name, function.file, function.line)
