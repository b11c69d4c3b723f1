# One word per job. `make serve` and `make test` need nothing but Python 3.11 and this checkout.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
HOME_DIR ?= .home
PORT ?= 8000
WORKERS ?= 2
export ASSISTANT_HOME ?= $(abspath $(HOME_DIR))

.PHONY: install setup example serve test lint types unit browsers bench clean

install: $(VENV)/.installed

# torch is pinned to its CPU build's version: a range would pull gigabytes of CUDA libraries.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

setup: install
	$(BIN)/assistant setup

# Made once, and again when the example knowledge base, the packages or what reads them change: a second start is quick.
EXAMPLE := $(ASSISTANT_HOME)/.example-shop
example: $(EXAMPLE)
$(EXAMPLE): $(VENV)/.installed $(wildcard retrieval/*.py) $(shell find examples/knowledge -type f 2>/dev/null)
	$(BIN)/assistant setup
	$(BIN)/assistant ingest examples/knowledge --source examples --prune
	touch $@

serve: example
	$(BIN)/assistant serve --port $(PORT)

# The checkers run beside the tests; all three are waited for, and one that fails fails `make test`.
test: setup
	$(MAKE) --jobs=3 --keep-going lint types unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# Whole files go to each worker, which has a Chromium, a PostgreSQL, ports and homes of its own.
unit: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --cov --cov-report=term:skip-covered

bench: setup
	$(BIN)/python -m benchmarks.retrieval_quality

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.*
