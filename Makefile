# The verbs of the project. Each works on a fresh clone with Python 3.11 or later, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Without bytecode each worker of the tests, and each command they start, compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo generate record test test-all check bench lock clean

setup: $(VENV)/.ready

# uv, where it is installed, does the same from the same lock files in a fraction of the time.
$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "posbot needs Python 3.11 or later; set PYTHON=python3.12, for example")'
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@if command -v uv >/dev/null; then \
	  set -e; \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); \
	  echo "Installing requirements/dev.txt with uv"; \
	  uv pip install --python $(BIN)/python --require-hashes -r requirements/dev.txt; \
	  uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	else \
	  set -e; \
	  $(PYTHON) -m venv $(VENV); \
	  echo "Installing requirements/dev.txt with pip, which takes about a minute"; \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/dev.txt; \
	  $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@
	@echo "Ready. Try: make demo, make test, $(BIN)/posbot --help"

demo: setup
	$(BIN)/python -m sandbox.demo

# Writes the Slack manifest, the JSON Schema of procedures and README's command table anew from the declarations.
generate: setup
	$(BIN)/posbot generate

# Starts a real Spring Boot in each failing way and records tests/corpus anew; NAMES="..." a part of it.
record: setup
	$(BIN)/python -m tests.real.spring.record $(NAMES)

# The quick suite.
test: setup
	$(BIN)/python -m pytest -m "not real and not slow" --numprocesses 3 --dist worksteal --durations 10 --durations-min 2

# All that `make test` leaves out: slow tests, real servers, and the properties with more examples.
test-all: setup
	$(BIN)/python -m pytest -m "real or slow or hypothesis" --hypothesis-profile thorough --numprocesses 3 --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/posbot check

bench: setup
	$(BIN)/python -m bench

# Writes the lock files anew from pyproject.toml; needs uv.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV) build *.egg-info
