# Every target makes its own environment in .venv on first use and needs no network after that.
# The stamp's name carries the checksum of pyproject.toml, so pip runs again only when that file's content changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUM := $(shell cksum < pyproject.toml | cut -d' ' -f1)
STAMP := $(VENV)/.installed
# The test environment holds everything that the demo needs.
DEMO_ENV := $(or $(wildcard $(STAMP)-test-$(SUM)),$(STAMP)-jax-$(SUM))

.PHONY: demo test lint typecheck unit docs docs-release wheel newest bench clean help

help:
	@echo "make demo       trace a real Roe flux, check its Jacobian and time it beside JAX"
	@echo "make test       all that follows: what continuous integration runs"
	@echo "make lint       ruff: format check and lint"
	@echo "make typecheck  mypy"
	@echo "make docs       build the documentation into site/; a broken link or reference fails"
	@echo "make docs-release  put it beside those of older versions on the branch gh-pages"
	@echo "make wheel      build the wheel and try it outside the checkout"
	@echo "make unit       every test that needs no accelerator; PYTEST_ARGS='-k name' for some"
	@echo "make newest     the tests of JAX with the newest JAX, if Python 3.12 or 3.13 is found"
	@echo "make bench      run the benchmarks, results in benchmarks/results"
	@echo "make clean      remove the environments and all caches"

demo: $(DEMO_ENV)
	$(BIN)/ccjac demo

test: lint typecheck docs wheel unit newest

lint: $(STAMP)-test-$(SUM)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

typecheck: $(STAMP)-test-$(SUM)
	$(BIN)/mypy

docs: $(STAMP)-docs-$(SUM)
	$(BIN)/mkdocs build --strict --quiet

# On the branch gh-pages of this clone: the version's documentation beside those of older releases.
docs-release: $(STAMP)-docs-$(SUM)
	$(BIN)/mike deploy --update-aliases "$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' ccjac/__init__.py)" latest

wheel: $(STAMP)-test-$(SUM)
	$(BIN)/python .ci/try_wheel.py

unit: $(STAMP)-test-$(SUM)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not gpu and not benchmark" $(PYTEST_ARGS)

newest:
	.ci/newest $(SUM)

bench: $(STAMP)-test-$(SUM)
	$(BIN)/python benchmarks/multiplications.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/runtime.py
	$(BIN)/python benchmarks/medium.py
	$(BIN)/python benchmarks/whole_functions.py
	$(BIN)/python benchmarks/structured.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/accuracy.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "ccjac needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP)-%-$(SUM): | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[$*]'
	@rm -f $(STAMP)-$*-*
	@touch $@

clean:
	rm -rf $(VENV) .venv-newest site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
