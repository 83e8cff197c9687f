"""Where the content lives that comes with the tool: the model, the scenarios, what is known.

In a checkout these are folders beside the package; the wheel carries them inside it.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
ROOT = PACKAGE / "content" if (PACKAGE / "content").is_dir() else PACKAGE.parent
MODEL = ROOT / "model"
SCENARIOS = ROOT / "scenarios"
PROOFS = ROOT / "proofs"
RELEASES = ROOT / "reports" / "releases.json"
