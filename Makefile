# Every target sets up .venv by itself when it is missing or older than what it is made from.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install study test test-slow test-faults test-cluster lint format bench clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(READY) ## Set up .venv with everything that is pinned in constraints.txt

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed, but $(PYTHON) was not found: set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (a few minutes, once)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $(READY)

study: $(READY) ## Train the small drum study on embedded data, print and save its heat map
	$(BIN)/softloc run quickstart

test: $(READY) ## Run the whole test suite, all that this machine can run
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY) ## Run the tests that take minutes: long fault injection, long sweeps
	$(BIN)/python -m pytest -m slow

test-faults: $(READY) ## Kill, cut and fill what a study stands on; prints what was tried and lost (10 minutes)
	$(BIN)/python -m pytest tests/faults

test-cluster: $(READY) ## Two nodes through `ray up` over a real sshd, in namespaces of their own (root, sshd, rsync)
	$(BIN)/python -m pytest tests/cluster -rs

lint: $(READY) ## Format check, lint, strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## Time what has to be fast; prints ratios measured in one run
	for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

clean: ## Remove .venv and caches; runs/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
