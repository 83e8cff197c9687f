"""Packages that only some commands need: imported where they are used, named where missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import metadata

from wakeproof.errors import InputError

MODULES = {"python-sat": "pysat", "z3-solver": "z3"}
"""The module of each package on which this one depends, where it has another name."""
EXTRAS = {"distributed": "cluster", "starlette": "explore", "uvicorn": "explore"}
"""The extra of each optional package; the others are solvers, for `proofs`."""


@contextlib.contextmanager
def installed(package: str) -> Iterator[None]:
    """Raise `InputError` if the package, which is imported inside, cannot be imported."""
    try:
        yield
    except ImportError as error:
        missing = error.name is not None and error.name == MODULES.get(package, package)
        raise InputError(
            f"{package} is not installed" if missing else f"{package} cannot be used: {error}",
            hint="pip install "
            + (package if package in MODULES else f"'wakeproof[{EXTRAS.get(package, 'proofs')}]'"),
        ) from None


def version(package: str) -> str:
    """Return the version of a package that is installed; empty if it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
