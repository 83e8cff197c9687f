"""A trace as Rust: a test for the bindings generator's own suite, and a crate of its own.

The component is the same text in both. The test is three files in the layout of
`bytecodealliance/wit-bindgen`, `tests/runtime-async/async/NAME/`: `test.rs` is the component,
`runner.rs` calls it and is the peer of its streams and futures. Where the component calls an
import, there is a third, `leaf.rs`, with a script that composes them. The crate runs natively: in
the runner's place is a small host, so that it needs no more than cargo.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeproof.errors import InputError
from wakeproof.export.rendering import TEMPLATES, render
from wakeproof.export.rust.helpers import HELPERS
from wakeproof.export.rust.program import (
    Channel,
    Moment,
    Program,
    opened,
    stored,
)
from wakeproof.export.rust.runner import Runner

RUST = TEMPLATES / "rust"
LEAF = ("leaf.rs", "compose.wac")
STORED = "Slot<{}>"
RUNS = "the component runs"
EMPTY = "const { Slot::new(None) }"
FLAG, NOT_YET = "Cell<bool>", "const { Cell::new(false) }"


@dataclass(frozen=True)
class RustTest:
    """A generated Rust test: its name, the lines of its comment and its program.

    `executor` and `block_on` are the releases of these roles, where they are not that of the
    operations.
    """

    name: str
    story: tuple[str, ...]
    program: Program
    executor: str = ""
    block_on: str = ""

    def on(self, release: str) -> RustTest:
        """The same with operations of this release."""
        executor = self.executor if self.executor != release else ""
        block_on = self.block_on if self.block_on != release else ""
        return dataclasses.replace(self, executor=executor, block_on=block_on)

    def others(self) -> list[str]:
        """The releases beside that of the operations, which the program needs."""
        nested = self.block_on if "block_on" in self.program.helpers else ""
        return sorted({release for release in (self.executor, nested) if release})


@dataclass(frozen=True)
class Prepare:
    """The function that hands the ends of channels over, before all else."""

    parameters: str
    result: str
    wit_parameters: str
    wit_result: str
    lines: tuple[str, ...]


def alias(release: str) -> str:
    """The name of the crate of a release; an empty one is that of the operations."""
    return f"wit_bindgen_{release.replace('.', '_')}" if release else "wit_bindgen"


def rust_test(test: RustTest) -> dict[str, str]:
    """The files of a test, by their paths. Raises `InputError` for several releases."""
    if test.others():
        raise InputError(
            "a test of the suite is built with one release, and the mix has several",
            hint="`--to rust-crate`, or a trace of a mix of one release",
        )
    prepare = prepare_of(test.program)
    runner = Runner(test.program)
    files = {
        "test.wit": render(
            "rust/test.wit.j2", program=test.program, prepare=prepare, within=within(test.program)
        ),
        "test.rs": component(test, crate=False),
        "runner.rs": render(
            "rust/runner.rs.j2",
            story=test.story,
            uses=merged(runner.uses),
            lines=runner.lines,
            helpers=runner.helpers,
        ),
    }
    if test.program.answers:
        files |= {name: (RUST / name).read_text(encoding="utf-8") for name in LEAF}
    return files


def rust_crate(
    test: RustTest,
    source: str,
    features: Sequence[str],
    affected: str,
    unaffected: str = "",
) -> dict[str, str]:
    """The files of a crate, by their paths. `source` says where its `wit-bindgen` is from."""
    test = test.on(affected)
    listed = ", ".join(f'"{name}"' for name in ("async", "std", *features))
    values = {"name": test.name, "story": test.story}
    prepare, moments, last = outside(test.program)
    return {
        "Cargo.toml": render(
            "rust/Cargo.toml.j2",
            **values,
            source=source,
            features=listed,
            affected=affected,
            unaffected=unaffected,
            others=[(alias(release), release) for release in test.others()],
        ),
        ".cargo/config.toml": (RUST / "config.toml").read_text(encoding="utf-8"),
        "src/main.rs": render(
            "rust/main.rs.j2", **values, prepare=prepare, moments=moments, last=last
        ),
        "src/component.rs": component(test, crate=True),
        "src/host.rs": (RUST / "host.rs")
        .read_text(encoding="utf-8")
        .replace("use wit_bindgen::", f"use {alias(test.executor)}::"),
        "src/bindings.rs": (RUST / "bindings.rs").read_text(encoding="utf-8"),
    }


def component(test: RustTest, crate: bool) -> str:
    """`test.rs`, or the crate's `component.rs`: what the runner asks, the crate's host sees."""
    program = test.program
    statics = statics_of(program)
    helpers = set(program.helpers)
    if program.wakes and not crate:
        helpers = helpers - {"poll_once"} | {"poll_noted"}
        statics.append(("WOKEN", FLAG, NOT_YET))
    slots = any(kind.startswith("Slot") for _, kind, _ in statics)
    uses = {"std::cell::RefCell"} if slots else set()
    if any(kind == FLAG for _, kind, _ in statics):
        uses.add("std::cell::Cell")
    if program.operations or program.answers:
        uses |= {"std::future::Future", "std::pin::Pin"}
    if program.answers and not crate:
        uses.add("crate::my::test::calls::work")
    if program.leaves_nothing and program.stored and not crate:
        uses.add("wit_bindgen::yield_async")
    if any(c.reader and not c.is_future for c in program.channels) or any(
        c.writer and not c.is_future for c in program.channels
    ):
        uses.add("std::rc::Rc")
    if program.wakers:
        uses.add("std::task::Waker")
    if program.handles:
        uses.add("wit_bindgen::JoinHandle")
    for helper in helpers:
        uses |= set(HELPERS[helper][0])
    if crate and test.block_on and "block_on" in program.helpers:
        uses ^= {"wit_bindgen::block_on", f"{alias(test.block_on)}::block_on"}
    if not crate:
        for channel in program.channels:
            uses |= {f"wit_bindgen::{kind}" for kind in kinds(channel)}
    prepare = prepare_of(program)
    return render(
        "rust/program.rs.j2",
        story=test.story,
        crate=crate,
        pub="pub " if crate else "",
        program=program,
        within=[] if crate else within(program),
        has_operations=bool(program.operations or program.answers),
        prepare=prepare,
        uses=merged(uses),
        statics=statics,
        slots=slots,
        makers=[maker(*row) for row in makers_of(program)],
        helpers=[HELPERS[h][1] for h in HELPERS if h in helpers and HELPERS[h][1]],
    )


def kinds(channel: Channel) -> list[str]:
    """The types of the ends that the program has."""
    what = "Future" if channel.is_future else "Stream"
    # a reader that goes out is a type, too
    return [f"{what}Reader"] + ([f"{what}Writer"] if channel.outside != "write" else [])


def within(program: Program) -> list[str]:
    """The kinds of channels that never leave the component: the bindings would not have them."""
    leave = {c.is_future for c in program.channels if c.outside}
    stay = {c.is_future for c in program.channels if not c.outside}
    return ["future" if is_future else "stream" for is_future in sorted(stay - leave)]


def held(channel: Channel, side: str) -> str:
    """How an end is stored: a stream's is shared with the operation that borrows it."""
    kind = f"{'Future' if channel.is_future else 'Stream'}{side}<u8>"
    return kind if channel.is_future else f"Rc<RefCell<{kind}>>"


def statics_of(program: Program) -> list[tuple[str, str, str]]:
    """Name, type and first value of everything that is shared."""
    rows = []
    for channel in program.channels:
        for side, other in (("Reader", "read"), ("Writer", "write")):
            if channel.outside != other:
                name = f"{channel.ident.upper()}_{side.upper()}"
                rows.append((name, STORED.format(held(channel, side)), EMPTY))
    rows += [(name, STORED.format("Operation"), EMPTY) for name in program.stored]
    rows += [(name, STORED.format("Waker"), EMPTY) for name in program.wakers]
    rows += [(name, STORED.format("JoinHandle<()>"), EMPTY) for name in program.handles]
    if program.spawned_ran:
        rows.append(("SPAWNED_RAN", FLAG, NOT_YET))
    return rows


def makers_of(program: Program) -> list[tuple[str, Channel, str]]:
    """The functions that make operations."""
    channels = {channel.ident: channel for channel in program.channels}
    return [(n, channels[c], side) for n, (c, side) in program.operations.items()]


def maker(name: str, channel: Channel, side: str) -> str:
    """A function that makes an operation, which starts with its first poll."""
    end = "reader" if side == "read" else "writer"
    static = f"{channel.ident.upper()}_{end.upper()}"
    if channel.is_future:
        take = f"let {end} = {static}.take().unwrap();"
        run = f"{end}.await" if side == "read" else f"{end}.write(1).await"
    else:
        take = f"let {end} = {static}.with_borrow(|{end}| {end}.clone().unwrap());"
        what = "Vec::with_capacity(1)" if side == "read" else "vec![1]"
        run = f"{end}.borrow_mut().{side}({what}).await"
    return (
        f"fn {name}() -> Operation {{\n    {take}\n    Box::pin(async move {{\n"
        f"        let _ = {run};\n    }})\n}}"
    )


def prepare_of(program: Program) -> Prepare | None:
    """The function that takes the readers in, makes what is the program's own, and gives the
    readers out; none if there is nothing to hand over."""
    if not program.channels:
        return None
    parameters, results, wit_parameters, wit_results, lines = [], [], [], [], []
    for channel in program.channels:
        name, what = channel.ident, "Future" if channel.is_future else "Stream"
        if channel.outside == "write":
            parameters.append(f"{name}: {what}Reader<u8>")
            wit_parameters.append(f"{name.replace('_', '-')}: {what.lower()}<u8>")
            lines.append(f"{name.upper()}_READER.set(Some({stored(name, channel.is_future)}));")
            continue
        lines += opened(name, channel.is_future)
        if channel.outside == "read":
            results.append(f"{what}Reader<u8>")
            wit_results.append(f"{what.lower()}<u8>")
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


def outside(program: Program) -> tuple[list[str], list[tuple[str, str]], str]:
    """The lines before the moments, the moments as words and code, what is asked at the end."""
    prepare, channels = [], {c.ident: c for c in program.channels}
    arguments = [
        f'bindings::{"future" if c.is_future else "stream"}_reader("{c.ident}")'
        for c in program.channels
        if c.outside == "write"
    ]
    given = [c.ident for c in program.channels if c.outside == "read"]
    if program.channels:
        call = f"Component::prepare({', '.join(arguments)})"
        prepare.append(f"let reader = {call};" if given else f"{call};")
        prepare += [f'host::give("{name}", reader.take_handle());' for name in given]
    if program.answers:
        states = ", ".join(f"host::{answer}" for answer in program.answers)
        prepare.insert(0, f"host::answers(&[{states}]);")
    moments = [moment_of(m, channels) for m in program.moments if m.kind != "answer"]
    last = ", Component::spawned_ran" if program.spawned_ran else ", || true"
    return prepare, moments, last


def moment_of(moment: Moment, channels: Mapping[str, Channel]) -> tuple[str, str]:
    """A moment in words, and how the crate's host does it."""
    what = moment.what
    match moment.kind:
        case "call":
            return f"`{what}` is called", f'Some(|| host::call("{what}", Component::{what}))'
        case "sync" | "lifted":
            return f"`{what}` is called", f"Some(|| host::call_{moment.kind}(Component::{what}))"
        case "progress":
            return "the call goes on", "Some(|| drop(host::call_progresses()))"
        case "cancel":
            return f"`{what}` is cancelled", f'Some(|| host::cancel("{what}"))'
        case "copy" | "drop":
            writes = channels[what].outside == "write"
            verb = "dropped" if moment.kind == "drop" else ("written" if writes else "read")
            end = "writer" if writes else "reader"
            said = (
                f"the {end} of `{what}` is dropped" if verb == "dropped" else f"`{what}` is {verb}"
            )
            how = "peer_drops" if verb == "dropped" else "peer_copies"
            return said, f'Some(|| host::{how}("{what}", {int(writes)}))'
        case _:
            return RUNS, "None"


def merged(uses: set[str]) -> list[str]:
    """`use` lines, those of one module together."""
    modules: dict[str, set[str]] = {}
    for use in uses:
        module, _, names = use.replace("{", "").replace("}", "").rpartition("::")
        modules.setdefault(module, set()).update(names.split(", "))
    return [
        f"{module}::" + (min(names) if len(names) == 1 else "{" + ", ".join(sorted(names)) + "}")
        for module, names in sorted(modules.items())
    ]
