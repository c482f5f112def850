# The verbs of the project. Each works on a fresh clone with Python 3.11 or later, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Without bytecode each worker of the tests, and each command they start, compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo generate record test test-all check bench lock audit image image-base pin-base clean

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
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade --group audit -o requirements/audit.txt

# Holds the lock files against an advisory database, with a pip-audit of its own. Where none can be reached it says so
# and succeeds: that is no fault of the locked versions.
AUDIT := .venv-audit
audit: $(AUDIT)/.ready
	$(AUDIT)/bin/python requirements/audit.py || [ $$? -eq 3 ]

$(AUDIT)/.ready: requirements/audit.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

# The image of a release; IMAGE is its name and tag.
IMAGE ?= posbot:dev
BASE_IMAGE ?= $(shell cat deploy/base-image)
image: image-base
	docker build -f deploy/Dockerfile --build-arg BASE_IMAGE="$(BASE_IMAGE)" -t "$(IMAGE)" .

# Refuses a base image without a digest: a tag may be another image tomorrow, and nobody reviewed that.
image-base:
	@printf '%s\n' "$(BASE_IMAGE)" | grep -Eqx '[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}' || \
	  { echo "The base image “$(BASE_IMAGE)” is not pinned by its digest: run make pin-base, review deploy/base-image and commit it." >&2; exit 1; }

# Writes the digest that the tag in deploy/base-image has now into it; needs docker with buildx and a network.
pin-base:
	@name=$$(cut -d@ -f1 deploy/base-image) && \
	digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$$name") && \
	printf '%s@%s\n' "$$name" "$$digest" > deploy/base-image && cat deploy/base-image

clean:
	rm -rf $(VENV) $(AUDIT) build *.egg-info
