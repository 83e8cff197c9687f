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
    the file. Where the system has files without a name, a process that is killed leaves none that
    is half written. Raises `OSError`, and `UnicodeEncodeError` for a text that UTF-8 does not have.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    mode = 0o600 if private else 0o666
    descriptor = _open_unnamed(path.parent, mode)
    is_named = descriptor is None
    if descriptor is None:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            if not private and path.is_file() and not path.is_symlink():
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            if not is_named:
                # Python follows the link in /proc only where a folder is given, which is not used
                os.link(f"/proc/self/fd/{descriptor}", part, src_dir_fd=descriptor)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _open_unnamed(folder: Path, mode: int) -> int | None:
    """Open a new file without a name; None where the system or the file system has none."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(folder, os.O_WRONLY | os.O_TMPFILE, mode)
    except OSError:
        # a folder that cannot be written is reported by what comes next
        return None
