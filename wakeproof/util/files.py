"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path


def write_whole(path: Path, data: str | bytes, private: bool = False) -> None:
    """Write a file; at every moment it has its old content or all of the new one.

    The content is written beside the file, then takes its place. A link is replaced, not followed;
    the mode of a file that exists is kept. With `private` nobody but the owner can read or write
    the file. Raises `OSError`, and `UnicodeEncodeError` for a text that UTF-8 does not have.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    mode = 0o600 if private else 0o666
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            if not private and path.is_file() and not path.is_symlink():
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
