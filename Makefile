# Everything is set up inside the checkout, in .venv; PYTHON may name another interpreter.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

COMPONENTS ?=

.PHONY: check test report builds findings conform reviews reductions proofs recheck bench lint clean

check: $(READY)
	$(BIN)/wakeproof check

test: $(READY)
	$(BIN)/python -m pytest -n auto

# the committed pages that are generated from the model and the scenarios; needs cargo, as every
# violation is played on the released crates
report: $(READY)
	$(BIN)/python -m wakeproof.sites
	$(BIN)/wakeproof check --quiet --real --report reports/verdicts.md --json .venv/verdicts.json

# every scenario in every mix with every feature on and off, a minute at most for each run: hours on one
# core, so that no other target and no CI waits for it; status 3 says that some were cut off
builds: $(READY)
	-$(BIN)/wakeproof check --every-build --quiet --timeout 60 \
	  --report .venv/builds.md --json .venv/builds.json

# what was found, as tests: run on every release, and written down; needs cargo, and with
# COMPONENTS=--components Rust's WebAssembly target too
findings: $(READY)
	$(BIN)/wakeproof findings --output reports/findings $(COMPONENTS)

# the full comparisons with Wasmtime and with the released crates, and every release; needs Rust's
# WebAssembly target too: where rustup has none, `eval "$(conformance/wasm-toolchain .venv/wasm)"`
conform: $(READY) report
	$(BIN)/wakeproof conform host --report reports/conformance.md
	$(BIN)/wakeproof conform component --report reports/conformance.md
	$(BIN)/wakeproof conform guest --traces .venv/verdicts.json --report reports/conformance.md
	$(BIN)/wakeproof releases .venv/verdicts.json --report reports/releases.md
	$(BIN)/wakeproof findings --traces .venv/verdicts.json

# the newest release beside the one before it; status 1 says that something got worse, as it did
reviews: $(READY)
	-$(BIN)/wakeproof review v3 --against v2 --proofs --quiet --report reports/review-v3.md

# symmetry on and off over every scenario in every mix, and over every mutant
reductions: $(READY)
	WAKEPROOF_WHOLE=1 $(BIN)/python -m pytest -n auto tests/test_symmetry.py

# what is proved by induction in every mix of V1 and V2: half an hour on four cores
proofs: $(READY)
	$(BIN)/wakeproof prove --executor v1,v2 --block-on v1,v2 --import v1,v2 \
	  --report reports/proofs.md

# every proof of V2 with V2, confirmed by a second solver
recheck: $(READY)
	$(BIN)/wakeproof prove --certificates .venv/certificates
	$(BIN)/wakeproof recheck .venv/certificates

# us, Spin and TLC on the same models, on this machine: reports/benchmark.md; spin is a package,
# and WAKEPROOF_TLC names TLC's jar
bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
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
