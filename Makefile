# Gridwarden. Needs Python 3.11 or newer (with venv), make and git; everything else is set up here.
#
#   make demo            play an incident on this machine; CHECK=1 plays it without a human
#   make test            everything the project checks
#   make check | unit    the fast static checks | the tests without processes and browsers
#   make format          let ruff format and fix
#   make assets          pages and message catalogues; make messages | pictures brings texts and README up to date
#   make lock            resolve the dependencies again
#   make bench | clean   measurements | remove what was built
#   make postgres        the server's tests over a real PostgreSQL (on Debian: apt-get install postgresql)
#   make oracles         our decoders against other people's, in an environment of its own
#   make fuzz            decoders against noise: SECONDS=600 for each of TARGETS="hj212 adverts"
#
#   JOBS=2               how many tests run at a time    BROKER=auto|mosquitto|amqtt   the demo's broker
#   PYTHON=python3.12    which Python makes .venv

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: postgres messages pictures demo test check unit stories lock assets catalogues format bench fuzz oracles clean env provision demo-checks api

BROKER ?= auto
JOBS ?= 2
SECONDS ?= 60
TARGETS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
LOCKED := .venv/locked.stamp
LINKED := .venv/linked.stamp
FUZZED := .cache/fuzz/locked.stamp
UV_VERSION := 0.13.9
UV := .cache/lock/bin/uv
PIP_COMPILE = $(UV) pip compile --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" -q

# --- the environment ---------------------------------------------------------------------------

env: $(LINKED)

$(LOCKED): requirements/dev.txt
	@set -e; if [ ! -x $(BIN)/python ]; then \
	    python="$(PYTHON)"; \
	    for candidate in python3.11 python3.12 python3.13 python3; do \
	        [ -z "$$python" ] || break; \
	        if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$candidate; fi; \
	    done; \
	    if [ -z "$$python" ]; then echo "Python 3.11 or newer is missing (on Debian: apt-get install python3 python3-venv; or make PYTHON=/path/to/python)" >&2; exit 1; fi; \
	    if ! $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$python is not Python 3.11 or newer" >&2; exit 1; fi; \
	    if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then echo "$$python lacks venv (on Debian: apt-get install python3-venv)" >&2; exit 1; fi; \
	    echo "environment: .venv with $$($$python --version)"; \
	    $$python -m venv .venv; \
	fi
	@echo "environment: locked dependencies (about a minute the first time)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(LINKED): $(LOCKED) pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# --- what is built -----------------------------------------------------------------------------

assets: $(LINKED) catalogues
	@echo "pages: server/web/static"
	@$(BIN)/python hatch_build.py assets

catalogues: $(LINKED)
	@$(BIN)/python hatch_build.py catalogues

messages: $(LINKED)  # collects the pages' texts; names those that lack their English
	@$(BIN)/python deploy/messages.py

pictures: assets  # of the running pages, for the README
	@$(BIN)/python -m tests.browser.pictures

api: assets  # the contract as AsyncAPI, the interface as OpenAPI, device models and the schema of a profile
	@$(BIN)/python -m wire.asyncapi >docs/asyncapi.json.new && mv docs/asyncapi.json.new docs/asyncapi.json
	@$(BIN)/gridwarden-server openapi >docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json
	@$(BIN)/python -m edge.profiledocs >docs/devices.md.new && mv docs/devices.md.new docs/devices.md
	@$(BIN)/python -m edge.ruledocs >docs/rules.md.new && mv docs/rules.md.new docs/rules.md
	@$(BIN)/python -m edge.profiledocs --schema >edge/drivers/profile.schema.json.new && \
	    mv edge/drivers/profile.schema.json.new edge/drivers/profile.schema.json
	@echo "docs/asyncapi.json docs/openapi.json docs/devices.md docs/rules.md edge/drivers/profile.schema.json"

lock: $(UV)
	@$(PIP_COMPILE) --extra edge --extra page --extra server --extra postgres --extra sim --extra dev pyproject.toml \
	    -o requirements/dev.txt
	@for role in edge page server postgres sim; do \
	    $(PIP_COMPILE) --extra $$role -c requirements/dev.txt pyproject.toml -o requirements/$$role.txt || exit 1; \
	done
	@$(PIP_COMPILE) --extra edge --extra dev --extra fuzz -c requirements/dev.txt pyproject.toml -o requirements/fuzz.txt
	@$(PIP_COMPILE) --extra edge --extra sim --extra dev --extra oracles -c requirements/dev.txt pyproject.toml \
	    -o requirements/oracles.txt
	@echo "requirements/{edge,page,server,postgres,sim,dev,fuzz,oracles}.txt"

$(UV): $(LINKED)
	@$(BIN)/python -m venv .cache/lock
	@.cache/lock/bin/python -m pip --quiet --disable-pip-version-check install uv==$(UV_VERSION)

# --- what is run -------------------------------------------------------------------------------

demo: assets
	@$(BIN)/python deploy/foreground.py $(BIN)/gridwarden-sim demo $(if $(CHECK),--check) --broker $(BROKER)

postgres: $(LINKED)
	@$(BIN)/python -m tests.harness.postgres_suite -q -p no:cacheprovider tests/server/postgres \
	    $(addprefix tests/server/,alarms escalation intake items notify)

bench: assets
	@set -e; found=; for file in bench/bench_*.py; do \
	    if [ -e "$$file" ]; then found=yes; echo "$$file"; $(BIN)/python "$$file"; fi; \
	done; [ -n "$$found" ] || echo "bench/ holds no measurement yet"

fuzz: $(FUZZED)  # SECONDS=600 TARGETS="hj212 adverts"
	@.cache/fuzz/bin/python bench/fuzz.py --seconds $(SECONDS) $(TARGETS)

$(FUZZED): requirements/fuzz.txt $(LINKED)
	@echo "environment: .cache/fuzz, for fuzzing alone"
	@$(BIN)/python -m venv .cache/fuzz
	@.cache/fuzz/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/fuzz.txt
	@touch $@

.cache/oracles/locked.stamp: requirements/oracles.txt | $(LINKED)
	@$(BIN)/python -m venv .cache/oracles
	@.cache/oracles/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/oracles.txt
	@touch $@

oracles: .cache/oracles/locked.stamp  # holds a GPL-3 package, hence apart from everything that is installed
	@.cache/oracles/bin/python -m pytest -q -p no:cacheprovider tests/edge/drivers/test_oracles.py

# --- what is checked ---------------------------------------------------------------------------

UNITS = $(BIN)/pytest -q -n $(JOBS) --dist loadfile -m "not story and not browser and not fault"
# A story has a street of its own; those that share something say so with `xdist_group`.
STORIES = $(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m "story or browser or fault"

# pytest comes last, so that its closing line is the last word.
test: provision check assets demo-checks
	@echo "tests: units, contracts, documents"
	@$(UNITS)
	@echo "tests: stories, faults and pages, against real processes"
	@$(STORIES)

provision:
	@sh deploy/provision

check: $(LINKED)
	@echo "lint, docstrings, format, types, arrows"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "run: make format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >.venv/arrows.log 2>&1 || { cat .venv/arrows.log >&2; exit 1; }

demo-checks: assets
	@for broker in mosquitto amqtt; do \
	    echo "demonstration, checked, with $$broker"; \
	    $(BIN)/gridwarden-sim demo --check --broker $$broker || exit 1; \
	done

unit: assets
	@$(UNITS)

stories: assets
	@$(STORIES)

format: $(LINKED)
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

clean:
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@rm -rf server/web/static server/web/assets/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} + ; find server -name '*.mo' -delete
