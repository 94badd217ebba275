# Every command of the project; `make` alone lists them. Options of `run` go into ARGS: make run ARGS="--still --port 9000"

PYTHON ?= python3
ARGS ?=
python := .local/venv/bin/python
# node and npm are those that app/local/install.sh put there.
export PATH := $(CURDIR)/.local/bin:$(CURDIR)/.local/venv/bin:$(PATH)
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run stop test chaos check audit-deps check-python check-assets check-ship bench screenshots format clean install install-test

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

run: install ## Install what is missing, start everything on http://127.0.0.1:8050, stop it all with Ctrl-C
	@exec $(python) -m app run $(ARGS)

stop: ## Stop what `make run` started from this folder, from another terminal
	@if [ -x $(python) ]; then $(python) -m app stop; fi

test: check ## Check everything, then run every test: unit, database, HTTP, socket, browser
	@npm test --silent --prefix assets
	@$(python) -m pytest $(ARGS)

check: install-test check-python check-assets check-ship ## Check style, types, layers, assets and what ships, without running it

chaos: install-test ## Kill web, worker and PostgreSQL 500 times while others record, then audit
	@CHAOS_ROUNDS=$${CHAOS_ROUNDS:-500} $(python) -m pytest tests/chaos $(ARGS)

bench: install-test ## Measure tiles, values, the way from event to pixel and the first visit, as ratios in one run
	@$(python) -m tests.bench $(ARGS)

screenshots: install-test ## Take the pictures of docs/images with Chromium
	@$(python) -m tests.screenshots $(ARGS)

audit-deps: install-test ## Ask the registries for known weaknesses of what the lock files name
	@sh .ci/audit-deps

format: install-test ## Bring Python and assets into the project's form
	@ruff format .
	@ruff check --fix .
	@npm run --silent --prefix assets format

clean: ## Stop what runs from this folder, and remove what was installed and kept in it
	-@if [ -x $(python) ]; then $(python) -m app clean; fi
	@rm -rf .local assets/vendor assets/node_modules

install:
	@sh app/local/install.sh run

install-test:
	@sh app/local/install.sh test

check-python: install-test
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports
	@bandit --quiet --configfile pyproject.toml --severity-level medium --recursive app data geo 2>/dev/null

check-assets: install-test
	@npm run --silent --prefix assets lint

check-ship: install-test
	@sh .ci/ship
