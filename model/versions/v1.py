"""V1, the release 0.58.0: the base text, unchanged."""

from __future__ import annotations

BASE = ""
RELEASE = "wit-bindgen 0.58.0"
ABI = 1
