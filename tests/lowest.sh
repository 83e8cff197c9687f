#!/usr/bin/env bash
# Run some tests with the lowest versions that pyproject.toml allows, in an environment of their own:
# the command line and its terminal, results and schemas, the explorer's pages, and every solver.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.venv/lowest}
python=${PYTHON:-python3}
"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check uv
lowest=$folder/requirements.txt
"$folder/bin/uv" pip compile --quiet --resolution lowest-direct --extra dev --output-file "$lowest" pyproject.toml
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$lowest"
PYTHONPATH=$PWD "$folder/bin/python" -m pytest -n auto tests/util \
  tests/commands/test_{completion,help,main,options,output}.py tests/prove/test_{recheck,solvers}.py \
  tests/symbolic/test_{bmc,cnf,solver}.py tests/web/test_{command,explorer}.py
