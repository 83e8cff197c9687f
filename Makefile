# Everything is set up inside the checkout, in .venv; PYTHON may name another interpreter.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
READY := .venv/.ready

# a process starts in half the time with bytecode, and the tests start hundreds
unexport PYTHONDONTWRITEBYTECODE

# what is spelled by hand
TEXTS := *.md *.toml docs model proofs scenarios wakeproof tests bench examples conformance/guest/src

COMPONENTS ?=
TRACES ?=

.PHONY: check test report builds findings conform reviews reductions proofs proofs-z3 recheck opinions certificates bench docs browser lint lock licences lowest clean

check: $(READY)
	$(BIN)/wakeproof check

test: $(READY)
	$(BIN)/python -m pytest -n auto

# the committed pages that are generated from the model and the scenarios; needs cargo, as every
# violation is played on the released crates
report: $(READY)
	$(BIN)/python -m wakeproof.report.pages.sites
	$(BIN)/python -m wakeproof.report.pages.lines
	$(BIN)/wakeproof check --quiet --real --report reports/verdicts.md --json .venv/verdicts.json

# every scenario in every mix with every feature on and off, each violation on the crates of its mix, and
# then on every release: some minutes, so that no other target and no CI waits for it; with symmetry
# progress is not decided, which is status 3
builds: $(READY)
	$(BIN)/wakeproof check --every-build --quiet --symmetry --max-states 1000000 --real \
	  --report reports/builds.md --json .venv/builds.json || test $$? -eq 3
	$(BIN)/wakeproof releases .venv/builds.json --report reports/releases.md

# what was found, as tests: run on every release, and written down; needs cargo, and with
# COMPONENTS=--component Rust's WebAssembly target too
findings: $(READY)
	$(BIN)/wakeproof findings --run --output reports/findings $(COMPONENTS) $(TRACES)

# the full comparisons with Wasmtime and with the released crates; needs Rust's WebAssembly target too:
# where rustup has none, `eval "$(conformance/wasm-toolchain .venv/wasm)"`
conform: $(READY) report
	$(BIN)/wakeproof conform host --report reports/conformance.md
	$(if $(WAKEPROOF_SPEC),$(BIN)/wakeproof conform spec $(WAKEPROOF_SPEC) $(WAKEPROOF_SPEC_NEWER) --report reports/conformance.md, \
	  @echo "the specification's tests are skipped: WAKEPROOF_SPEC names no checkout of them")
	$(BIN)/wakeproof conform component --report reports/conformance.md
	$(BIN)/wakeproof replay .venv/verdicts.json --component --report reports/conformance.md
	$(BIN)/wakeproof conform guest --traces .venv/verdicts.json --report reports/conformance.md
	$(BIN)/wakeproof findings --run --traces .venv/verdicts.json --component

# the host beside that of before pull request 705, and each version beside the one before it, in all 27 mixes, and the cures beside 0.63.0, one of them in the
# build that it needs too; status 1 says that something got worse, as it did
CURES := v3_done v3_released v3_spawned v3_woken
reviews: $(READY)
	-$(BIN)/wakeproof review wasmtime_50 --against spec_6d28164 --quiet --report reports/review-host.md
	-$(BIN)/wakeproof review v2 --against v1 --quiet --report reports/review-v2.md
	-$(BIN)/wakeproof review v3 --against v2 --beside v1 --proofs --quiet --report reports/review-v3.md
	for cure in $(CURES); do \
	  $(BIN)/wakeproof review $$cure --against v3 --model examples/cures --quiet \
	    --report reports/cures/$$cure.md || exit; done
	$(BIN)/wakeproof review v3_released --against v3 --on inter-task-wakeup --model examples/cures --quiet \
	  --report reports/cures/v3_released-inter-task-wakeup.md

# symmetry on and off over every scenario in every mix, and over every mutant
reductions: $(READY)
	WAKEPROOF_WHOLE=1 $(BIN)/python -m pytest -n auto tests/explore/test_symmetry.py

# what is proved by induction in every mix of V1 and V2, at given sizes and for any number
MIXES := --executor v1,v2 --block-on v1,v2 --import v1,v2
SIZES := --tasks 3 --operations 3 --handles 4
proofs: $(READY)
	$(BIN)/wakeproof prove $(MIXES) $(SIZES) --any-number --report reports/proofs.md

# the same verdicts by Z3, in some times the time (.ci/nightly)
proofs-z3: $(READY)
	$(BIN)/wakeproof prove $(MIXES) $(SIZES) --any-number --solver z3 --report .venv/proofs-z3.md

# every proof at the given sizes, confirmed by a second solver: what make opinions has confirmed, byte
# for byte the same, is not asked again
recheck: $(READY)
	$(BIN)/wakeproof prove $(MIXES) $(SIZES) --certificates .venv/changed
	$(BIN)/wakeproof recheck .venv/changed --timeout 900 --confirmed reports/opinions.json

# the same by several solvers, side by side
opinions: $(READY)
	$(BIN)/wakeproof prove $(MIXES) $(SIZES) --certificates .venv/changed
	$(BIN)/wakeproof recheck .venv/changed --solver cvc5,z3,bitwuzla --timeout 900 --report reports/opinions.md

# the same for any number too, and all of them are asked: half an hour on two cores, so that no change
# waits for it (.ci/nightly)
certificates: $(READY)
	$(BIN)/wakeproof prove $(MIXES) $(SIZES) --any-number --certificates .venv/certificates
	$(BIN)/wakeproof recheck .venv/certificates --timeout 900 --report reports/certificates.md

# us, Spin, TLC and stateright on the same models, on this machine: reports/benchmark.md; spin is a
# package, WAKEPROOF_TLC names TLC's jar, and stateright needs cargo. All actions without a bound are
# `python -m bench.everything`, the proofs beside Z3 and cvc5 `python -m bench.proofs`, the decision of
# progress `python -m bench.progress`, a search on disk `python -m bench.disk`, jobs on a cluster
# `python -m bench.cluster`, what reductions would gain `python -m bench.reductions`; the pages of the
# explorer, to be read and not committed, `python -m bench.explorer`
bench: $(READY)
	$(PIP) -e '.[bench]'
	$(BIN)/python -m bench

# the documentation as a site, in build/site; a link that leads nowhere is an error
docs: $(READY)
	$(BIN)/python -m docs.pages build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pylint wakeproof
	$(BIN)/codespell $(TEXTS)

# some tests with the lowest versions that pyproject.toml allows (.ci/nightly)
lowest:
	tests/lowest.sh

clean:
	rm -rf .venv build dist

# what the tests in a real browser need: Debian's Chromium, and its driver
browser: $(READY)
	command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -qq -y chromium >/dev/null 2>&1; }
	$(PIP) -e '.[browser]'

# requirements.txt, the versions and digests of everything that is installed here; UPGRADE=--upgrade
# takes the newest
lock: $(READY)
	$(PIP) -e '.[supply]'
	$(BIN)/uv pip compile --quiet $(UPGRADE) --extra dev --extra docs --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --output-file requirements.txt pyproject.toml

# what is installed with Wakeproof and its extras: reports/licences.md, and an SBOM in build/sbom.json
SHIPPED := build/shipped
licences: $(READY)
	$(PIP) -e '.[supply]'
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SHIPPED)
	$(BIN)/uv pip compile --quiet --extra cluster --extra conformance --extra explore --extra proofs \
	  --constraints requirements.txt --output-file $(SHIPPED)/requirements.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(SHIPPED)/bin/python -r $(SHIPPED)/requirements.txt
	(printf '# Licences\n\nGenerated by `make licences`: what is installed with Wakeproof and its '; \
	  printf 'extras `cluster`, `conformance`, `explore` and\n`proofs`, with the licence that each package states. '; \
	  printf 'Wakeproof itself is Apache-2.0.\n\n'; \
	  $(BIN)/pip-licenses --python $(SHIPPED)/bin/python --format markdown --order name --with-urls) \
	  > reports/licences.md
	$(BIN)/cyclonedx-py environment $(SHIPPED)/bin/python --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o build/sbom.json

# exactly the versions of the lock, and nothing that it does not name; bytecode is made of what is used
$(READY): pyproject.toml requirements.txt
	$(PYTHON) -m venv .venv
	$(PIP) --no-compile --require-hashes -r requirements.txt
	$(PIP) --no-deps --no-build-isolation -e .
	touch $(READY)
