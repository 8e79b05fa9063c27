# `make run` and `make test` each do all the set-up they need. Needs Python >= 3.11 with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= .linli
WORKERS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK = 1

ENV_READY := $(VENV)/.ready
NODE_READY := web/node_modules/.ready
WEB_READY := src/linli/dist/.ready
WEB_SOURCES := $(shell find web -name node_modules -prune -o -type f -print 2>/dev/null)

PHONES ?= 20
.PHONY: setup peers run check check-style check-types check-web test test-model test-slow test-external test-phones bench bench-cases bench-devices e2e lock wheel clean

setup: $(ENV_READY) $(WEB_READY)

# All packages by their locked hashes; then Linli itself, in place.
$(ENV_READY): requirements.lock pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(NODE_READY): web/package-lock.json | $(ENV_READY)
	tools/npm ci --no-progress
	touch $@

$(WEB_READY): $(NODE_READY) $(WEB_SOURCES)
	tools/npm run build
	touch $@

# Clients of others that the tests run unchanged, in an environment of their own: one brings a fork of a package of ours.
PEERS_READY := .venv-peers/.ready
peers: $(PEERS_READY)
$(PEERS_READY): tests/peers/requirements.lock
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --require-hashes -r tests/peers/requirements.lock
	touch $@

run: setup
	$(BIN)/linli up --demo --home $(HOME_DIR) $(ARGS)

# Three parts that may run side by side: `make -j2 check`.
check: check-style check-types check-web
check-style: setup
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/lint-imports --no-cache
	$(BIN)/linli check
check-types: setup
	$(BIN)/mypy
check-web: setup
	tools/npm run check

# The browser's tests are all slow and all in tests/e2e (tests/arch/test_suites.py): no other suite reads them in.
test: setup
	tools/npm test
	tools/steady "not slow" --ignore=tests/e2e -n $(WORKERS) $(ARGS)

# The case desk walked at random for STEPS steps, with the invariants of tests/cases/world.py.
STEPS ?= 100000
test-model: setup
	MODEL_STEPS=$(STEPS) $(BIN)/python -m pytest tests/cases/test_model.py -m slow -q -s $(ARGS)

# Faults are timed, so they run alone; each other file starts a district of its own.
test-slow: setup peers
	tools/steady "slow and not e2e" tests/faults $(ARGS)
	tools/steady "slow and not e2e" --ignore=tests/faults --ignore=tests/e2e -n $(WORKERS) --dist loadfile $(ARGS)
	tools/steady e2e tests/e2e -n $(WORKERS) --dist worksteal $(ARGS)

# The same tests of the rooms that lean on what a server can do, against a PostgreSQL and a NATS server that somebody else runs.
SERVED := $(addprefix tests/,kernel engines live telemetry sense cases)
test-external: setup
	tools/with-external-engines tools/steady "not slow" $(SERVED) --served -n $(WORKERS) $(ARGS)
	@echo "collected: $$($(BIN)/python -m pytest -q --collect-only -m "not slow" $(SERVED) --served | grep -c ::)"

# So many phones with two members each on a bad line: nothing lost, nothing doubled.
test-phones: setup
	PHONES=$(PHONES) $(BIN)/python -m pytest tests/phones -q -s $(ARGS)

e2e: setup
	tools/steady e2e tests/e2e -n $(WORKERS) --dist worksteal $(if $(SHOTS),--shots=$(SHOTS)) $(ARGS)

bench: setup
	$(BIN)/python -m tests.bench $(ARGS)

# A district with a million cases; ARGS="--home DIR" keeps it for the next run.
bench-cases: setup
	$(BIN)/python -m tests.bench.million $(ARGS)

# 100,000 devices, 20,000 messages a second for ten minutes, a year of readings; ARGS="--only lists,hold" for parts.
bench-devices: setup
	$(BIN)/python -m tests.bench.devices $(ARGS)

# Renews both lock files; neither carries an address of a registry.
lock: $(ENV_READY)
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --extra dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate tests/peers/requirements.in -o tests/peers/requirements.lock
	tools/npm install --package-lock-only

wheel: setup
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .

clean:
	rm -rf $(VENV) .venv-peers web/node_modules src/linli/dist build
