"""The text of a component: `test.rs` of a test of the suite, or `component.rs` of a crate.

The runner of a test asks the component whether a waker was woken, and has it let go of what it
stores and count its handles; the host of a crate sees all this by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeproof.crates.releases import OLDER
from wakeproof.errors import InputError
from wakeproof.export.rendering import render
from wakeproof.export.rust.helpers import HELPERS
from wakeproof.export.rust.program import (
    OF_NESTED,
    Channel,
    Maker,
    Program,
    RustTest,
    buffer,
    crate_name,
    open_lines,
    stored_end,
)

RENAMED = {
    release: {"wit_bindgen::spawn_local": "wit_bindgen::spawn as spawn_local"} for release in OLDER
}
"""The paths that a release has under another name."""


@dataclass(frozen=True)
class Static:
    """A thread-local variable of the component."""

    name: str
    type: str
    value: str

    @classmethod
    def slot(cls, name: str, content: str) -> Static:
        """Return a variable that may hold a value of the type `content`."""
        return cls(name, f"Slot<{content}>", "const { Slot::new(None) }")

    @classmethod
    def flag(cls, name: str) -> Static:
        """Return a variable that is false at first."""
        return cls(name, "Cell<bool>", "const { Cell::new(false) }")

    @classmethod
    def number(cls, name: str) -> Static:
        """Return a variable that is 0 at first."""
        return cls(name, "Cell<u32>", "const { Cell::new(0) }")

    @property
    def is_slot(self) -> bool:
        """Whether the variable may be empty."""
        return self.type.startswith("Slot")


@dataclass(frozen=True)
class Prepare:
    """The function that is called first: it takes and gives the ends of channels."""

    parameters: str
    result: str
    wit_parameters: str
    wit_result: str
    lines: tuple[str, ...]


def component(test: RustTest, crate: bool) -> str:
    """Return the text of the component, for a crate or for a test of the suite.

    Raises `InputError` for two channels whose readers are outside.
    """
    program = test.program
    statics = _statics(program)
    helpers = set(program.helpers)
    if program.by_hand:
        helpers = {"poll_any" if name == "poll_once" else name for name in helpers}
    elif program.wakes and not crate:
        helpers = helpers - {"poll_once"} | {"poll_noted"}
        statics.append(Static.flag("WOKEN"))
    uses = _uses_of_types(program, statics)
    for name in helpers:
        uses |= set(HELPERS[name].uses)
    uses |= set() if crate else _uses_of_a_test(program)
    uses |= {"std::hint::black_box"} if program.keeps_stack else set()
    uses = {RENAMED.get(test.release, {}).get(path, path) for path in uses}
    if crate and test.block_on:
        for name in OF_NESTED & program.helpers:
            for use in HELPERS[name].uses:
                uses ^= {use, use.replace(crate_name(""), crate_name(test.block_on))}
    return render(
        "rust/program.rs.j2",
        story=test.story,
        crate=crate,
        pub="pub " if crate else "",
        program=program,
        within=[] if crate else internal_kinds(program),
        has_operations=bool(program.operations or program.answers) and not program.by_hand,
        prepare=prepare_function(program),
        uses=use_lines(uses),
        statics=statics,
        makers=_makers(program) + (_hand_overs(program) if crate else []),
        helpers=[helper.text for n, helper in HELPERS.items() if n in helpers and helper.text],
    )


def _statics(program: Program) -> list[Static]:
    """Return the variables that functions and futures of the program share."""
    statics = []
    for channel in program.channels:
        for side, outside in (("Reader", "read"), ("Writer", "write")):
            if channel.outside != outside:
                name = f"{channel.ident.upper()}_{side.upper()}"
                statics.append(Static.slot(name, _stored_type(channel, side, program.by_hand)))
    statics += [Static.slot(name, "Operation") for name in program.stored]
    statics += [Static.slot(name, "Waker") for name in program.wakers]
    statics += [Static.slot(name, "JoinHandle<()>") for name in program.handles]
    if program.flag:
        statics.append(Static.flag(program.flag.upper()))
    if program.takes_turns:
        statics.append(Static.flag("OUTSIDE_RAN"))
        statics.append(Static.number("TAKEN"))
    if program.counts:
        streams = [channel for channel in program.channels if not channel.is_future]
        statics += [Static.number(f"{channel.ident.upper()}_ITEMS") for channel in streams]
    return statics


def _stored_type(channel: Channel, side: str, by_hand: bool) -> str:
    """Return the type of a stored end; one that boxed operations borrow is shared."""
    end = f"{'Future' if channel.is_future else 'Stream'}{side}<u8>"
    return end if channel.is_future or by_hand else f"Rc<RefCell<{end}>>"


def _uses_of_types(program: Program, statics: list[Static]) -> set[str]:
    """Return the paths of the types that the variables and operations need."""
    uses = {"std::cell::RefCell"} if any(s.is_slot for s in statics) else set()
    if not all(s.is_slot for s in statics):
        uses.add("std::cell::Cell")
    if (program.operations or program.answers) and not program.by_hand:
        uses |= {"std::future::Future", "std::pin::Pin"}
    streams = any(not channel.is_future for channel in program.channels)
    if streams and not program.by_hand:
        uses.add("std::rc::Rc")
    if program.wakers:
        uses.add("std::task::Waker")
    if program.handles:
        uses.add("wit_bindgen::JoinHandle")
    return uses


def _uses_of_a_test(program: Program) -> set[str]:
    """Return the paths that only a test of the suite needs; a crate has them in `bindings`."""
    calls = ["work"] if program.answers else []
    calls += [f"hand_over_{name}" for name in program.handed]
    calls += [f"take_{name}_back" for name in program.taken_back]
    uses = {f"crate::my::test::calls::{name}" for name in calls}
    if program.leaves_nothing and program.stored:
        uses.add("wit_bindgen::yield_async")
    for channel in program.channels:
        kind = "Future" if channel.is_future else "Stream"
        # the reader of a channel with both ends outside is a parameter or a result
        uses.add(f"wit_bindgen::{kind}Reader")
        if channel.outside != "write":
            uses.add(f"wit_bindgen::{kind}Writer")
    return uses


def internal_kinds(program: Program) -> list[str]:
    """Return the kinds of channels that never leave the component.

    The generator makes no bindings for these unless some function has one as a parameter.
    """
    leave = {c.is_future for c in program.channels if c.outside}
    stay = {c.is_future for c in program.channels if not c.outside}
    return ["future" if is_future else "stream" for is_future in sorted(stay - leave)]


def _makers(program: Program) -> list[str]:
    """Return the functions that make operations."""
    channels = {channel.ident: channel for channel in program.channels}
    return [_maker(n, channels[it.channel], it) for n, it in program.operations.items()]


def _maker(name: str, channel: Channel, maker: Maker) -> str:
    """Return a function that makes an operation, which starts with its first poll."""
    side, end = maker.side, "reader" if maker.side == "read" else "writer"
    static = f"{channel.ident.upper()}_{end.upper()}"
    if channel.is_future:
        take = f"let {end} = {static}.take().unwrap();"
        run = f"{end}.await" if side == "read" else f"{end}.write(1).await"
    else:
        take = f"let {end} = {static}.with_borrow(|{end}| {end}.clone().unwrap());"
        run = f"{end}.borrow_mut().{side}({buffer(side, maker.items)}).await"
    return (
        f"fn {name}() -> Operation {{\n    {take}\n    Box::pin(async move {{\n"
        f"        let _ = {run};\n    }})\n}}"
    )


def _hand_overs(program: Program) -> list[str]:
    """Return the functions that stand for the imports to which readers are handed over."""
    channels = {channel.ident: channel for channel in program.channels}
    functions = []
    for name in program.handed:
        kind = "Future" if channels[name].is_future else "Stream"
        reader = f"{kind}Reader<u8>"
        body = "hand_over(reader.take_handle());"
        functions.append(f"fn hand_over_{name}(reader: {reader}) {{\n    {body}\n}}")
        if name in program.taken_back:
            body = f'{kind.lower()}_reader_back("{name}")'
            functions.append(f"fn take_{name}_back() -> {reader} {{\n    {body}\n}}")
    return functions


def prepare_function(program: Program) -> Prepare | None:
    """Return the function that hands ends of channels over; None without channels.

    It takes the readers of peers that write, makes the other channels, and returns the reader of
    the peer that reads. Raises `InputError` if several peers read.
    """
    if not program.channels:
        return None
    parameters, results, wit_parameters, wit_results, lines = [], [], [], [], []
    for channel in program.channels:
        name, kind = channel.ident, "Future" if channel.is_future else "Stream"
        if channel.outside == "write":
            parameters.append(f"{name}: {kind}Reader<u8>")
            wit_parameters.append(f"{name.replace('_', '-')}: {kind.lower()}<u8>")
            end = stored_end(name, channel.is_future or program.by_hand)
            lines.append(f"{name.upper()}_READER.set(Some({end}));")
            continue
        lines += open_lines(name, channel.is_future, program.by_hand)
        if channel.outside == "read":
            results.append(f"{kind}Reader<u8>")
            wit_results.append(f"{kind.lower()}<u8>")
            lines[-1] = "reader"
    if len(results) > 1:
        raise InputError("two channels with their readers outside cannot be written as Rust yet")
    return Prepare(
        ", ".join(parameters),
        f" -> {results[0]}" if results else "",
        ", ".join(wit_parameters),
        f" -> {wit_results[0]}" if wit_results else "",
        tuple(lines),
    )


def use_lines(paths: set[str]) -> list[str]:
    """Return paths as sorted arguments of `use`, one for each module."""
    modules: dict[str, set[str]] = {}
    for path in paths:
        module, _, names = path.replace("{", "").replace("}", "").rpartition("::")
        modules.setdefault(module, set()).update(names.split(", "))
    return [
        f"{module}::" + (min(names) if len(names) == 1 else "{" + ", ".join(sorted(names)) + "}")
        for module, names in sorted(modules.items())
    ]
