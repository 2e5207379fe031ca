# Everything one does with Xent, one verb each. It needs make and Python 3.11 to 3.14, nothing else.
# Works with GNU make 3.81 and newer.

PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:
# Extras stay in the lock: older pips take an extra that it does not name for an unpinned requirement,
# as soon as the index has a newer release.
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --only-binary :all: --no-strip-extras --generate-hashes \
	--no-emit-index-url --no-header

# ARGS reaches pytest and the benchmark:  make test ARGS="tests/losses -k mean"
ARGS ?=
# Without bytecode, each of the hundreds of servers that tests start would compile all sources again.
unexport PYTHONDONTWRITEBYTECODE
# LOCKFLAGS reaches the resolver:  make lock LOCKFLAGS=--upgrade
LOCKFLAGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-slow test-peers hostile coverage bench lint format openapi record-examples train-shipped lock clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

run: $(VENV)/.runtime ## serve on 127.0.0.1:8000 (XENT_PORT=9000 make run: elsewhere)
	@exec $(BIN)/python -m service

# COV=--cov traces the tests, which halves their speed: not those that kill, wait and measure, of
# which it would show little, and spoil them. Those that measure milliseconds or memory run alone.
COV ?=
UNTRACED := tests/server tests/hostile tests/api/test_process.py $(addprefix tests/registry/test_,disk.py writes.py crashes.py storms.py)
ALONE := tests/server/test_admission.py tests/hostile/test_hold.py
TOGETHER := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
test: $(VENV)/.dev ## run the tests
ifeq ($(strip $(ARGS)),)
	$(TOGETHER) $(COV) $(UNTRACED:%=--ignore %)
	$(TOGETHER) $(UNTRACED) $(ALONE:%=--ignore %)
	$(BIN)/python -m pytest $(ALONE)
else
	$(BIN)/python -m pytest $(COV) $(ARGS)
endif

test-slow: $(VENV)/.dev ## run the tests that take long, each of which has a smaller one in `make test`
	$(TOGETHER) -m slow $(ARGS)

test-peers: $(PEERS)/.peers ## compare with PyTorch, scikit-learn and Keras, in an environment of their own
	KERAS_BACKEND=torch $(PEERS)/bin/python -m pytest -m peers $(ARGS)

hostile: $(VENV)/.dev ## attack servers and stores for two hours and more: docs/hostile.md
	$(BIN)/python -m pytest -s -m hostile tests/hostile tests/registry tests/server $(ARGS)

coverage: ## run the tests with branch coverage and write the lines they missed to htmlcov/
	$(MAKE) test COV="--cov --cov-report=html"

bench: $(VENV)/.dev ## measure the service beside others over HTTP; needs wrk and two cores (docs/performance.md)
	$(BIN)/python benchmarks/front_door $(ARGS)

lint: $(VENV)/.dev ## check style, types, import directions and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

format: $(VENV)/.dev ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.runtime ## write openapi/openapi.json from the code
	$(BIN)/python -m service openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

record-examples: $(VENV)/.dev ## write the answers of the API's examples as they are now
	$(BIN)/python tests/api/record_examples.py

train-shipped: $(VENV)/.runtime ## train the models that ship and write the bodies of docs/examples
	$(BIN)/python -m service train-shipped
	$(BIN)/python -m service write-examples docs/examples

lock: $(VENV)/.dev ## resolve the dependencies again (LOCKFLAGS=--upgrade: to their newest)
	$(LOCK) $(LOCKFLAGS) --output-file requirements.lock
	$(LOCK) $(LOCKFLAGS) --group dev --constraints requirements.lock --output-file requirements-dev.lock
	$(subst pyproject.toml,--group further,$(LOCK)) $(LOCKFLAGS) --constraints requirements-dev.lock --output-file requirements-further.lock

clean: ## remove everything that these commands made
	rm -rf $(VENV) $(PEERS) build dist htmlcov .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find service tests benchmarks .ci -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp lives in the environment that it speaks of, and falls behind when its lock changes.

$(VENV)/.runtime: requirements.lock | $(BIN)/python
	$(BIN)/python $(INSTALL) -r requirements.lock
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/$(BIN)/python" -m service "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $(BIN)/xent
	@chmod +x $(BIN)/xent
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements-further.lock pyproject.toml | $(BIN)/python
	$(BIN)/python $(INSTALL) -r requirements-dev.lock
	@$(BIN)/python $(INSTALL) -r requirements-further.lock || echo "no PostgreSQL, matplotlib or Numba for this platform: their tests will be skipped"
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The peers have no lock: PyTorch's build depends on the machine (CPU or which CUDA), and so do
# its hashes.
$(PEERS)/.peers: requirements-dev.lock pyproject.toml | $(PEERS)/bin/python
	$(PEERS)/bin/python $(INSTALL) -r requirements-dev.lock
	$(PEERS)/bin/python -m pip install --quiet --no-build-isolation --editable '.[peers]'
	@touch $@

$(BIN)/python $(PEERS)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 14) or sys.exit("Xent needs Python 3.11 to 3.14, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.13 ..." % v)'
	@dir=$(patsubst %/bin/python,%,$@); $(PYTHON) -m venv --clear $$dir || { rm -rf $$dir; exit 1; }
