"""Print the key of the cache of action.yml: the version, and a digest of what results depend on.

That is the tool with its model and scenarios, the inputs SCENARIOS and OPTIONS, and the files that
they name.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

TOOL = Path(os.environ["GITHUB_ACTION_PATH"])
SUFFIXES = (".py", ".toml", ".c")


def files(path: Path) -> list[Path]:
    """Return the texts of a folder in order, or the file itself; nothing for another word."""
    if path.is_dir():
        return sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES and f.is_file())
    return [path] if path.is_file() else []


def main() -> None:
    """Print the key."""
    inputs = f"{os.environ.get('SCENARIOS', '')} {os.environ.get('OPTIONS', '')}".split()
    digest = hashlib.sha256("\0".join(inputs).encode())
    named = [path for word in inputs for path in files(Path(word.rpartition("=")[2]))]
    tool = [path for name in ("wakeproof", "model", "scenarios") for path in files(TOOL / name)]
    for path in [*tool, *named]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    text = (TOOL / "wakeproof" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"', text, re.MULTILINE)
    print(f"{version[1] if version else '0'}-{digest.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
