"""Paths of the content that comes with the tool: model, scenarios, lemmas, what is known.

In a checkout these folders stand beside the package; a wheel has them inside the package.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
ROOT = PACKAGE / "content" if (PACKAGE / "content").is_dir() else PACKAGE.parent
MODEL = ROOT / "model"
SCENARIOS = ROOT / "scenarios"
PROOFS = ROOT / "proofs"
RELEASES = ROOT / "reports" / "releases.json"
LINES = ROOT / "reports" / "lines.json"
MESSAGES = ROOT / "messages.toml"
SYMPTOMS = ROOT / "symptoms.toml"
ON_WASMTIME = ROOT / "reports" / "findings" / "components.json"
