# The tasks of a developer; `make` alone lists them.
#
#   make test ARGS="-k journal -x"     options for pytest, also for test-oldest and matrix
#   make test PYTHON=python3.13        the interpreter for .venv
#   make matrix VERSIONS="3.11 3.14"   only these
#   make matrix MARKS=interpreter      only tests with that mark; also for test-oldest
#   make test PARALLEL=                one test after the other
#   make bench ARGS=--quick            only check that the benchmark runs

export PYTHON ?= python3
VERSIONS ?= 3.11 3.12 3.13 3.14 3.15
ARGS ?=
# As pytest's -m: "interpreter or not end_to_end".
export MARKS ?=
# A file's tests in one process, because some share a server. One process more than processors, because tests wait for
# others a part of their time.
WORKERS := $(shell expr 1 + `getconf _NPROCESSORS_ONLN`)
export PARALLEL ?= -n $(WORKERS) --maxprocesses 8 --dist loadfile
# In seconds: after that, a test that hangs fails, with its stack.
export PYTEST_TIMEOUT ?= 300
test-thorough: PYTEST_TIMEOUT = 3600

in_venv := scripts/within .venv

.DEFAULT_GOAL := help
.PHONY: help demo test test-thorough test-oldest matrix bench check docs pictures screenshots format environment browser node recipes clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1 \2/p' Makefile | \
	while read -r target text; do printf '%-14s %s\n' "$$target" "$$text"; done

demo: environment browser ## measure example_app while a browser drives it
	@rm -f htmlcov/index.html
	@$(in_venv) flask --app example_app livecov run --temp-database -- pytest example_app/tests; \
	status=$$?; \
	if [ -f htmlcov/index.html ]; then echo "HTML report: htmlcov/index.html"; fi; \
	exit $$status

test: environment browser node recipes ## run the test suite: ten minutes on two processors
	@echo "The whole suite takes about ten minutes on two processors; skipped tests are listed at its end, with reasons."
	@$(in_venv) pytest $(PARALLEL) $(ARGS)

test-thorough: environment ## only the tests of promises, with the figures that the docs promise
	@$(in_venv) pytest $(PARALLEL) --thorough -m promise $(ARGS)

test-oldest: environment ## ... with the lowest versions of the dependencies, no browser
	@scripts/oldest $(ARGS)

matrix: environment ## ... on every Python from 3.11 to 3.15 found here, no browser
	@VERSIONS="$(VERSIONS)" scripts/matrix $(ARGS)

bench: ## measure what it costs, compared with other tools, on three Pythons; an hour
	@scripts/bench $(ARGS)

check: environment ## lint, formatting, types, documentation
	$(in_venv) ruff check
	$(in_venv) ruff format --check
	$(in_venv) mypy --python-version 3.11
	$(in_venv) mypy --python-version 3.15
	$(MAKE) --no-print-directory docs

docs: environment ## build the documentation into docs/_build/html, warnings as errors
	$(in_venv) sphinx-build --fail-on-warning --nitpicky --keep-going --quiet docs docs/_build/html

pictures: ## draw the pictures of the architecture page, docs/architecture, from their sources
	@python3 docs/pictures.py

screenshots: environment browser ## take the pictures of the dashboard, docs/images, again
	@$(in_venv) env PYTHONPATH=. python docs/screenshots.py

format: environment ## rewrite the code in the style of `make check`
	$(in_venv) ruff check --fix
	$(in_venv) ruff format

environment: ## create .venv, or update it after a change in setup.cfg
	@scripts/environment

browser: ## look for a browser for the tests, or install one
	@scripts/browser

node: ## look for Node.js for the tests of recipes in other languages, or install it
	@scripts/node

recipes: environment ## create .venvs/recipes, with the test runners of the recipes
	@scripts/recipes

clean: ## remove everything that these targets make
	rm -rf .venv .venvs .node .livecov .coverage .coverage.* htmlcov build dist *.egg-info docs/_build
	rm -f flask_livecoverage/*/*.so
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
