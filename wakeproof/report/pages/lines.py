"""The lines of the sites in every release, reports/lines.json; `wakeproof explain` reads it.

`python -m wakeproof.report.pages.lines` writes it; it needs cargo. The table of sites has the lines
of some releases, and those of the others are found by what the files have in common.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from wakeproof.bundled import LINES, MODEL
from wakeproof.crates.cargo import run_cargo, unpack_driver
from wakeproof.crates.releases import releases
from wakeproof.language.sites import load_sites
from wakeproof.util.files import write_whole

CRATE = "crates/guest-rust/"


def crate_folders() -> dict[str, Path]:
    """Return the folder of each release of the crate. Raises `InputError` without cargo."""
    text = run_cargo(["metadata", "--format-version", "1"], unpack_driver(), "the table of lines")
    return {
        package["version"]: Path(package["manifest_path"]).parent
        for package in json.loads(text)["packages"]
        if package["name"] == "wit-bindgen"
    }


def same_lines(before: Sequence[str], after: Sequence[str]) -> dict[int, int]:
    """Return the lines, from 1, of one text that another has too, each with its number there."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return {
        block.a + n + 1: block.b + n + 1
        for block in matcher.get_matching_blocks()
        for n in range(block.size)
    }


def lines_of_sites(folders: Mapping[str, Path]) -> dict[str, dict[str, int]]:
    """Return the line of each site of the crate in each release that has it, oldest first.

    A line that the table does not have is that of the next release before or after that has the
    same text there.
    """
    found: dict[str, dict[str, int]] = {}
    texts: dict[tuple[str, str], list[str]] = {}
    same: dict[tuple[str, str, str], dict[int, int]] = {}
    names = releases()
    for release in names:
        for file in folders[release].joinpath("src").rglob("*.rs"):
            source = CRATE + file.relative_to(folders[release]).as_posix()
            texts[release, source] = file.read_text(encoding="utf-8").splitlines()
    for site in load_sites(MODEL).values():
        if not site.source.startswith(CRATE):
            continue
        listed = {name.removeprefix("v"): line for name, line in site.places}
        for release in names:
            for other in sorted(listed, key=lambda o: abs(names.index(o) - names.index(release))):
                key = (other, release, site.source)
                if (release, site.source) not in texts:
                    continue
                if key not in same:
                    same[key] = same_lines(texts[other, site.source], texts[release, site.source])
                line = listed[other] if other == release else same[key].get(listed[other])
                if line is not None:
                    found.setdefault(site.id, {})[release] = line
                    break
    return found


def main() -> None:
    """Write the file."""
    write_whole(LINES, json.dumps(lines_of_sites(crate_folders()), indent=1) + "\n")


if __name__ == "__main__":
    main()
