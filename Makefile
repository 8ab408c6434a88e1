# Everything there is to learn: `make help`. Each target installs what it needs first.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check format up down status run lock package bench conformance chaos
.SUFFIXES:

PYTHON3 ?= $(shell command -v python3 || command -v python)
PYTHON := .venv/bin/python
# A link may lead to a place that is not this user's, such as root's pyenv.
WITHOUT := if [ -L $(PYTHON) ]; then echo "$(PYTHON) cannot be run by you: do as who installed it"; \
  else echo "nothing is installed, so nothing runs"; fi
SOURCES := shared services infra/local tests scripts conftest.py $(wildcard bench)

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing (into .venv and .local; PostgreSQL by apt)
	@$(PYTHON3) scripts/bootstrap

demo: setup ## Real GeoTIFFs from upload to search, in front of your eyes (KEEP=1 leaves the stack running)
	@KEEP="$(KEEP)" $(PYTHON) scripts/demo.py

test: setup ## All tests, three at a time since most of them wait (ARGS="-k name" for some)
	@$(PYTHON) -m pytest -n 3 --dist loadgroup $(ARGS)

check: setup ## Style, types, the lock file, and nothing of one machine in the repository
	@$(PYTHON) scripts/check

format: setup ## Write all Python as `make check` wants it
	@$(PYTHON) -m ruff check --fix-only --quiet $(SOURCES)
	@$(PYTHON) -m ruff format --quiet $(SOURCES)

up: setup ## Start the laptop stack; `. .local/env` tells your SDKs where it is
	@$(PYTHON) -m infra.local.stack up

down: ## Stop it; its state stays in .local
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m infra.local.stack down; else $(WITHOUT); fi

status: ## What of it runs
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m infra.local.stack status || true; else $(WITHOUT); fi

run: setup ## The stack in the foreground, until Ctrl-C
	@$(PYTHON) -m infra.local.stack run

lock: setup ## Write requirements.lock anew from the pyproject.toml files (UPGRADE=1 takes the newest versions)
	@$(PYTHON) scripts/lock $(if $(UPGRADE),--upgrade)
	@$(PYTHON) scripts/package.py lock

package: setup ## Each app's zip for Azure, into build/packages (NAME=loader for one, BYTECODE=1 for compiled modules, too)
	@$(PYTHON) scripts/package.py $(if $(filter 1,$(BYTECODE)),--bytecode) $(NAME)

bench: setup ## Figures beside what one would use instead (NAME=api for one, ARGS="…" for its options)
	@for script in $(if $(NAME),bench/$(NAME).py,$(wildcard bench/*.py)); do \
	  echo "== $$script"; PYTHONPATH=. $(PYTHON) $$script $(ARGS) || exit 1; done

conformance: setup ## Microsoft's own live tests of the Service Bus SDK against the stand-in
	@$(PYTHON) -m infra.local.servicebus.conformance $(ARGS)

chaos: setup ## A storm: every process is killed again and again under load (ARGS="--minutes 10 --blobs 1000 --seed 7")
	@$(PYTHON) -m tests.chaos $(ARGS)
