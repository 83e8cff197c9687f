"""Known versions of the specification's tests: of which commit a file is, by its digest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wakeproof.util.toml import load_toml

TABLE = Path(__file__).with_name("versions.toml")
# how many digits of a commit are shown
SHORT = 8


@dataclass(frozen=True)
class FileVersion:
    """A version of a file: an entry of `versions.toml`; `pull` is 0 where it is not known."""

    file: str
    sha256: str
    commit: str
    pull: int = 0

    def __str__(self) -> str:
        short = self.commit[:SHORT]
        return f"{short}, pull request {self.pull}" if self.pull else short


def read_versions(path: Path = TABLE) -> list[FileVersion]:
    """Read the table of versions."""
    return [FileVersion(**row) for row in load_toml(path)["version"]]


def find_version(versions: Iterable[FileVersion], file: str, digest: str) -> FileVersion | None:
    """Return the version of a file with a digest, if it is known."""
    named = (v for v in versions if v.file == file)
    return next((v for v in named if digest.startswith(v.sha256)), None)
