# On a machine with Python 3.11 or newer, pip and make: `make run` or `make test`, nothing before it.
# Everything is installed into .venv, from requirements.lock; removing .venv undoes it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SAMPLE := --input corpora/sample/exports --lake lake --gathered-at 2026-10-20T20:00:00+08:00

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run setup test bench lint wheel lock clean

run: setup  ## the main job on the sample exports, as the Prefect flow `daily`: from raw files to daily_summary, in ./lake, and report.html beside it
	$(BIN)/xinren run --flow $(SAMPLE)
	$(BIN)/xinren report --lake lake --out report.html

setup: $(STAMP)  ## .venv as requirements.lock says; done again only when the lock or pyproject.toml has changed

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "xinren needs Python 3.11 or newer, got: $$($(PYTHON) --version 2>&1); try: make PYTHON=python3.12" >&2; exit 1; }
	@echo "installing into .venv (once, a few minutes)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

test: setup  ## every test
	$(BIN)/python -m pytest

bench: setup  ## the benchmarks, a quarter of an hour; QUICK=1: two minutes, nothing kept
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick)

lint: setup  ## ruff, its formatter, and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: setup  ## dist/xinren-*.whl
	rm -rf build  # what an earlier build left there would get in
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

lock:  ## requirements.lock anew from pyproject.toml; needs uv
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --fork-strategy fewest \
	  --no-header --no-annotate --upgrade --output-file requirements.lock

clean:  ## all that the targets above made, except the lake
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
