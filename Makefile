# Every target creates .venv if it is missing, or updates it if pyproject.toml or constraints.txt is newer.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install study test test-slow test-faults test-cluster lint format bench docs clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(READY) ## Create .venv with the versions pinned in constraints.txt

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is required, but $(PYTHON) was not found: set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (a few minutes, once)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $(READY)

study: $(READY) ## Train a small drum study on rendered audio, print and save its heat map
	$(BIN)/softloc run quickstart

test: $(READY) ## Run all tests that this machine supports, except the slow ones
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY) ## Run the tests that take minutes: fault injection, large sweeps
	$(BIN)/python -m pytest -m slow

test-faults: $(READY) ## Run the fault injection tests and print what was lost (10 minutes)
	$(BIN)/python -m pytest tests/faults

test-cluster: $(READY) ## Test a two-node `ray up` cluster in network namespaces (needs root, sshd, rsync)
	$(BIN)/python -m pytest tests/cluster -rs

lint: $(READY) ## Check formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## Format the code and apply automatic lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## Run the benchmarks; print ratios measured in one run
	for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

docs: $(READY) ## Build the documentation site in site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## Remove .venv, the built site and caches, but not runs/
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis
