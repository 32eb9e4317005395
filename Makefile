# One command for everything. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILD_TOOLS := uv hatchling editables setuptools wheel packaging pathspec pluggy trove-classifiers

# An inherited value would cost Evidently eight seconds at every start (it could not keep its byte code).
export PYTHONDONTWRITEBYTECODE :=
export DO_NOT_TRACK := 1

.PHONY: help setup demo test check types format bench bench-demo bench-profile bench-decision bench-flights bench-text chaos chaos-short openapi lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## create the environment (.venv) from the lock

# The build tools come first and from the same lock, so that nothing unpinned is fetched to build a package.
$(READY): requirements.lock pyproject.toml
	@echo "driftglass: setting up $(VENV) (once; about a minute)"
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "driftglass needs Python 3.11 or newer: make PYTHON=python3.11 setup")'
	$(PYTHON) -m venv $(VENV)
	awk -v names=" $(BUILD_TOOLS) " '/^[a-zA-Z0-9]/ {split($$1, part, "=="); keep = index(names, " " part[1] " ")} keep' requirements.lock > $(VENV)/build-tools.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/build-tools.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --require-hashes -r requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check
	@touch $(READY)

demo: $(READY) ## ten weeks of messages with seven planted incidents, found: the main job on SQLite
	$(BIN)/driftglass demo

test: $(READY) ## the tests, on SQLite and (where it is installed) PostgreSQL
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(READY) types ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

format: $(READY) ## put the code into its one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) bench-profile bench-decision bench-text ## every benchmark; CHECK=--check fails below a bar

bench-profile: $(READY) ## counting, beside decoding and Evidently
	$(BIN)/python -m tests.bench.bench_profile $(CHECK)

bench-decision: $(READY) ## false alarms, power and cost of deciding, beside other monitors' rules
	$(BIN)/python -m tests.bench.bench_decision $(CHECK)

bench-flights: $(READY) ## the part of it on a real year (needs ../shared/data)
	$(BIN)/python -m tests.bench.bench_decision --only flights $(CHECK)

bench-text: $(READY) ## the text detectors, beside langdetect and ftfy (needs ../shared/data)
	$(BIN)/python -m tests.bench.bench_text $(CHECK)

bench-demo: $(READY) ## the demo for five other seeds
	$(BIN)/python -m tests.bench.bench_demo $(CHECK)

chaos: $(READY) ## kill, stop, restart and flood the service; what is promised about it, in one table (an hour)
	$(BIN)/python -m tests.chaos $(CHECK)

chaos-short: $(READY) ## the same in less than five minutes
	$(BIN)/python -m tests.chaos --short $(CHECK)

openapi: $(READY) ## write down the API as it is now
	$(BIN)/python -m monitor.api docs/api/openapi.json

lock: $(READY) ## renew requirements.lock (hashes, no host names)
	$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 --no-header --no-annotate --quiet -o requirements.lock

clean: ## remove what the commands made
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .hypothesis
