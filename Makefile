# Every target makes its own environment in .venv on first use and needs no network after that.
# The stamp's name carries the checksum of pyproject.toml, so pip runs again only when that file's content changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUM := $(shell cksum < pyproject.toml | cut -d' ' -f1)
STAMP := $(VENV)/.installed
# The test environment holds everything that the demo needs.
DEMO_ENV := $(or $(wildcard $(STAMP)-test-$(SUM)),$(STAMP)-jax-$(SUM))

.PHONY: demo test lint typecheck bench docs clean help

help:
	@echo "make demo       trace a real Roe flux, check its Jacobian and time it beside JAX"
	@echo "make test       run every test that needs no accelerator"
	@echo "make lint       ruff: format check and lint"
	@echo "make typecheck  mypy"
	@echo "make bench      run the benchmarks, results in benchmarks/results"
	@echo "make docs       build the documentation into site/"
	@echo "make clean      remove .venv and all caches"

demo: $(DEMO_ENV)
	$(BIN)/ccjac demo

test: $(STAMP)-test-$(SUM)
	$(BIN)/python -m pytest -m "not gpu and not benchmark" $(PYTEST_ARGS)

lint: $(STAMP)-test-$(SUM)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

typecheck: $(STAMP)-test-$(SUM)
	$(BIN)/mypy

bench: $(STAMP)-test-$(SUM)
	$(BIN)/python benchmarks/multiplications.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/runtime.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/accuracy.py

docs: $(STAMP)-docs-$(SUM)
	$(BIN)/mkdocs build --strict

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "ccjac needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP)-%-$(SUM): | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[$*]'
	@rm -f $(STAMP)-$*-*
	@touch $@

clean:
	rm -rf $(VENV) site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
