# Everything is set up inside the checkout, in .venv; PYTHON may name another interpreter.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: check test report conform reviews bench lint clean

check: $(READY)
	$(BIN)/wakeproof check

test: $(READY)
	$(BIN)/python -m pytest -n auto

# the committed pages that are generated from the model and the scenarios; needs cargo, as every
# violation is played on the released crates
report: $(READY)
	$(BIN)/python -m wakeproof.sites
	$(BIN)/wakeproof check --quiet --real --report reports/verdicts.md --json .venv/verdicts.json

# the full comparisons with Wasmtime and with the released crates, and every release
conform: $(READY) report
	$(BIN)/wakeproof conform host --report reports/conformance.md
	$(BIN)/wakeproof conform guest --traces .venv/verdicts.json --report reports/conformance.md
	$(BIN)/wakeproof releases .venv/verdicts.json --report reports/releases.md

# the newest release beside the one before it; status 1 says that something got worse, as it did
reviews: $(READY)
	-$(BIN)/wakeproof review v3 --against v2 --quiet --report reports/review-v3.md

# how fast the explorers are on this machine: reports/benchmark.md
bench: $(READY)
	$(BIN)/python -m bench

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(READY)
