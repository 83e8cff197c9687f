"""The lines that a branch of a git checkout has changed, if git and a main branch are there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

# where the branch may have begun
MAIN = ("origin/HEAD", "origin/main", "upstream/main", "main")
FILE = re.compile(r"^\+\+\+ b/(.+)$")
HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")
# nothing that the checkout has configured is run
QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def changed_lines(folder: Path) -> dict[str, set[int]]:
    """Return the lines that a branch and its working tree change, by file below a folder.

    A removed line counts as the one before it. Empty without git, a checkout or a main branch.
    """
    for name in MAIN:
        start = _git(folder, ["merge-base", "HEAD", name])
        if start:
            break
    else:
        return {}
    options = ["--unified=0", "--relative", "--no-color", "--no-ext-diff", "--no-textconv"]
    found: dict[str, set[int]] = {}
    file = ""
    for line in _git(folder, ["diff", *options, start, "--", "."]).splitlines():
        if named := FILE.match(line):
            file = named[1]
        elif hunk := HUNK.match(line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found.setdefault(file, set()).update(range(first, first + max(count, 1)))
    return found


def _git(folder: Path, arguments: Sequence[str]) -> str:
    """Return what git prints; empty if it fails or does not exist."""
    try:
        done = subprocess.run(
            ["git", *QUIET, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
