"""The specification at commit 6d281648, with pull requests 708, 719 and 720: the base text.

This is the host before pull request 705. No engine of today has it.
"""

from __future__ import annotations

BASE = ""
HOST = "the specification before pull request 705 (6d281648)"
