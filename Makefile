# `make help` lists the targets. Needs Python 3.11 or newer, git and make; the rest is installed
# into .venv, once per change of pyproject.toml.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# `make PYTEST_ARGS="-k claim"` narrows the tests down.
PYTEST_ARGS ?=
RELEASE := $(VENV)-release
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help demo test extra quick lint format dist locks check-tools clean

help:
	@echo "make demo     the whole factory on a local GitHub, about 30 seconds"
	@echo "make test     everything that must pass: lint, types, coverage of core, tests"
	@echo "make extra    what takes longer: real agents, crash points, 20,000 schedules"
	@echo "make quick    lint and the tests that take seconds"
	@echo "make lint     import layers, ruff, mypy"
	@echo "make format   rewrite the Python files in the project's style"
	@echo "make dist     what a release is made of, in dist/, the same bytes each time"
	@echo "make locks    renew the lists of packages with hashes"
	@echo "make clean    remove .venv and everything generated"

demo: $(VENV)/.local
	$(BIN)/ao-actions demo

test: lint $(VENV)/.test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 2 --dist load tests/core
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not extra" --ignore tests/core $(PYTEST_ARGS)

extra: $(VENV)/.test
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m extra $(PYTEST_ARGS)

quick: lint $(VENV)/.test
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not extra" $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/lint-imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# Wheel, source and bill of materials (CycloneDX: all that the action may install, by hash).
# The commit's time is the only one in them.
dist: $(RELEASE)/.tools
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(RELEASE)/bin/hatchling build --directory dist
	@$(RELEASE)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--short-PURLs --output-file dist/sbom.cdx.json requirements-meter.lock

$(RELEASE)/.tools: requirements-release.lock | check-tools
	@$(PYTHON) -m venv $(RELEASE)
	@$(RELEASE)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--only-binary :all: --requirement requirements-release.lock
	@touch $@

# Without what they hold already they would be kept as they are: `rm` one first to move it on.
locks: $(VENV)/.test
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --extra meter --constraint requirements.lock pyproject.toml -o requirements-meter.lock
	$(LOCK) --group release -o requirements-release.lock
	$(LOCK) --group publish -o requirements-publish.lock

check-tools:
	@command -v git >/dev/null || { echo "error: git was not found: install git 2.38 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "error: $(PYTHON) is not Python 3.11 or newer: install one, or name it (make PYTHON=python3.12 ...)"; exit 1; }

$(BIN)/pip: | check-tools
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "error: $(PYTHON) cannot make a virtual environment (Debian, Ubuntu: apt install python3-venv)"; exit 1; }

# A stamp per set of dependencies; the tests' set contains the demo's.
$(VENV)/.local: pyproject.toml | $(BIN)/pip
	@echo "installing into $(VENV), once"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[local]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/pip
	@echo "installing into $(VENV), once"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.local

clean:
	rm -rf $(VENV) $(RELEASE) build dist .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
