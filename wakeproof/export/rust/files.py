"""A generated Rust test as files: for the bindings generator's own suite, or as a crate.

The component is the same text in both. A test of the suite is three files in the layout of
`bytecodealliance/wit-bindgen`, `tests/runtime-async/async/NAME/`: `test.wit`, `test.rs` with the
component, and `runner.rs`, which calls it and is the peer of its streams and futures. If the
component calls an import, `leaf.rs` provides it, and `compose.wac` composes the three. A crate runs
natively: a small host takes the place of the runner, so that the crate needs cargo alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from wakeproof.crates.releases import WASM_ALONE
from wakeproof.errors import InputError
from wakeproof.export.rendering import TEMPLATES, render
from wakeproof.export.rust.component import (
    component,
    internal_kinds,
    prepare_function,
    use_lines,
)
from wakeproof.export.rust.host_script import host_script
from wakeproof.export.rust.program import RustTest, crate_name
from wakeproof.export.rust.runner import Runner


def rust_test(test: RustTest) -> dict[str, str]:
    """Return the files of a test of the suite, by path.

    Raises `InputError` if the roles have several releases, or for a step that no runner can do.
    """
    if test.others():
        raise InputError(
            "a test of the suite is built with one release, and the mix has several",
            hint="`--to rust-crate`, or a trace of a mix of one release",
        )
    program = test.program
    runner = Runner(program)
    files = {
        "test.wit": render(
            "rust/test.wit.j2",
            program=program,
            prepare=prepare_function(program),
            handed=[c for c in program.channels if c.ident in program.handed],
            within=internal_kinds(program),
        ),
        "test.rs": component(test, crate=False),
        "runner.rs": render(
            "rust/runner.rs.j2",
            story=test.story,
            uses=use_lines(runner.uses),
            lines=runner.lines,
            helpers=runner.helpers,
        ),
    }
    if program.has_leaf:
        handed = [channel for channel in program.channels if channel.ident in program.handed]
        files["leaf.rs"] = render("rust/leaf.rs.j2", program=program, handed=handed)
        files["compose.wac"] = _text("compose.wac")
    return files


def rust_crate(
    test: RustTest,
    source: str,
    features: Sequence[str],
    affected: str,
    unaffected: str = "",
) -> dict[str, str]:
    """Return the files of a crate, by path.

    `source` is the line of Cargo.toml with the source of its `wit-bindgen`. The comment there names
    the release `affected`, and `unaffected` if one is given. Raises `InputError` for a program that
    only a component can be, and for a release on which only components run.
    """
    if test.program.needs_component:
        raise InputError(
            "threads that go on in any order cannot be written as a crate: it has one stack",
            hint="`--to rust-test`: a component's frames share a stack in linear memory",
        )
    if affected in WASM_ALONE:
        raise InputError(
            f"wit-bindgen {affected} declares the host's builtins for wasm32 alone: "
            "no crate runs natively with it",
            hint="`--to rust-test`: its test is a component",
        )
    test = test.on(affected)
    listed = ", ".join(f'"{name}"' for name in ("async", "std", *features))
    script = host_script(test.program)
    return {
        "Cargo.toml": render(
            "rust/Cargo.toml.j2",
            name=test.name,
            story=test.story,
            source=source,
            features=listed,
            affected=affected,
            unaffected=unaffected,
            others=[(crate_name(release), release) for release in test.others()],
        ),
        ".cargo/config.toml": _text("config.toml"),
        "src/main.rs": render("rust/main.rs.j2", story=test.story, script=script),
        "src/component.rs": component(test, crate=True),
        "src/host.rs": _text("host.rs").replace(
            "use wit_bindgen::", f"use {crate_name(test.executor)}::"
        ),
        # repeats the import of `conformance/guest/src/releases.rs`, as a crate stands alone
        "src/bindings.rs": _text("bindings.rs"),
    }


def _text(name: str) -> str:
    """Return a file that is the same for every program."""
    return (TEMPLATES / "rust" / name).read_text(encoding="utf-8")
