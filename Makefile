# EduStream. `make` alone lists what there is; deploy/local does the work.
.DEFAULT_GOAL := help
.PHONY: help run stop status env test test-fast lint format types contracts migrations migrate migration resync rebuild dead backup restore samples bench bench-gateway test-faults test-compose fuzz clients openapi asyncapi k8s service secrets secrets-scan sbom audit \
        lock clean distclean packages dev-packages

PY := .venv/bin/python
ARGS ?=
ON ?= local
WORKERS ?= auto
unexport PYTHONDONTWRITEBYTECODE # where it is set every process compiles all it imports anew: seconds for each service that starts
FIND_PYTHON = for p in $(PYTHON) python3 python3.13 python3.12 python3.11 ''; do [ -n "$$p" ] && "$$p" -c '' 2>/dev/null && break; done; \
	[ -n "$$p" ] || { echo "edustream: no Python found: install Python 3.11 or newer, or name it with PYTHON=." >&2; exit 1; }

help: ## this list
	@echo "EduStream. Usage: make <target>"
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  \1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-14s %s\n", $$1, $$2 }'

run: packages ## everything on this machine: servers, databases, demo data, services; Ctrl-C stops it
	@$(PY) -m deploy.local run --stop-with-parent

stop: ## stop what `make run` started, from another terminal
	@if [ -x $(PY) ]; then $(PY) -m deploy.local down; fi

status: packages ## what runs
	@$(PY) -m deploy.local status

env: packages ## start the backing servers only, and print their URLs: eval "$(make -s env)"
	@$(PY) -m deploy.local env

test: dev-packages ## every test, on its own servers (WORKERS=2, ARGS="-k booking"); what fails is tried once more, alone
	@$(PY) -m pytest -n $(WORKERS) --maxprocesses 8 $(ARGS); code=$$?; [ $$code -eq 1 ] || exit $$code; \
		echo "── once more, alone: the tests that failed beside others"; \
		$(PY) -m pytest -n0 --last-failed --last-failed-no-failures none -rap || exit $$?; \
		echo "── FLAKY: the tests listed as PASSED above passed only alone. Something beside them disturbs them: find out what."

test-fast: dev-packages ## the tests that need no servers (ARGS=)
	@EDUSTREAM_TEST_SERVERS=none $(PY) -m pytest $(ARGS)

lint: dev-packages contracts ## style, suspicious code and import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: dev-packages ## rewrite the code in house style
	@$(PY) -m ruff check --fix --exit-zero --quiet .
	@$(PY) -m ruff format .

types: dev-packages ## mypy, strict
	@$(PY) -m mypy

contracts: dev-packages ## who may import whom
	@.venv/bin/lint-imports --no-logo

migrations: dev-packages ## the migrations make what the tables declare
	@$(PY) -m shared.cli migrations check

migrate: packages ## bring the databases of `make run` up to date
	@$(PY) -m deploy.local migrate

migration: dev-packages ## write a migration: SERVICE=bookings MESSAGE="what it does"
	@$(PY) -m deploy.local revise "$(SERVICE)" "$(MESSAGE)"

resync: packages ## let a service say the state of everything again, for replicas in doubt: SERVICE=profiles
	@$(PY) -m deploy.local call "$(SERVICE)" resync

rebuild: packages ## make the read models anew from the stream and the owners: SERVICE=reporting
	@$(PY) -m deploy.local call "$(SERVICE)" rebuild

dead: packages ## messages that services could not handle: ARGS="show bookings", "replay bookings --all", "drop bookings --id ..."
	@eval "$$($(PY) -m deploy.local env)" && $(PY) -m shared.cli dead $(or $(ARGS),list)

backup: packages ## every database into one file below backups/, of `make run` (or ON=compose)
	@$(PY) -m deploy.backup --on $(ON) backup

restore: packages ## put the databases back as they were: FILE=backups/….tar (ON=compose, FORCE=1)
	@$(PY) -m deploy.backup --on $(ON) restore "$(FILE)" $(if $(FORCE),--force)

samples: dev-packages ## write golden samples of events that have none
	@$(PY) -m tests.contracts.golden

bench: dev-packages ## what people do all day, and what it costs (needs wrk); or another bench of tests/load, on servers of its own: NAME=events|gateway|hub|bookings|auth_logins|profiles_search|messaging_threads|replay
	@$(PY) -m tests.load.bench_$(or $(NAME),journey) $(ARGS)

bench-gateway: dev-packages ## the gateway beside HAProxy, nginx and a naive proxy (needs them, and wrk)
	@$(PY) -m tests.load.bench_gateway $(ARGS)

test-faults: dev-packages ## kill and hold every process while people use the suite, then reconcile: SECONDS=300 (420 at most), SEED= to repeat
	@EDUSTREAM_FAULT_SECONDS=$(or $(SECONDS),300) EDUSTREAM_FAULT_SEED=$(or $(SEED),0) $(PY) -m pytest tests/faults -n0 -s $(ARGS)

test-compose: dev-packages ## start docker compose from nothing and live one lesson through it (needs a Docker engine); EDUSTREAM_URL= of one that runs
	@$(PY) -m tests.compose

fuzz: dev-packages ## ask the running suite what nobody thought of: EXAMPLES=50 for each operation and role, SEED= to repeat
	@EDUSTREAM_FUZZ_EXAMPLES=$(or $(EXAMPLES),50) EDUSTREAM_FUZZ_SEED=$(or $(SEED),$$(date +%s)) $(PY) -m pytest tests/e2e/test_whatever_is_sent.py -n0 $(ARGS)

clients: ## make TypeScript types of docs/openapi.json and have a front end's lines checked against them; needs npm and its registry
	@mkdir -p .data/clients && cp -R tests/contracts/clients/typescript/. .data/clients
	@cd .data/clients && npm ci --no-audit --no-fund --ignore-scripts --silent && npm run --silent generate && npm run --silent check

openapi: packages ## write docs/openapi.json from the services
	@$(PY) -m deploy.openapi

asyncapi: packages ## write docs/asyncapi.json from the events
	@$(PY) -m shared.cli asyncapi

k8s: dev-packages ## write the manifests of deploy/k8s from its table
	@$(PY) -m deploy.k8s

service: packages ## write a new service that runs: NAME=payments
	@$(PY) -m deploy.scaffold $(NAME)

secrets: ## write .env with fresh secrets, for docker compose: ADMIN_EMAIL=you@yours.example, or it asks
	@$(FIND_PYTHON); EDUSTREAM_ADMIN_EMAIL="$(or $(ADMIN_EMAIL),$(EDUSTREAM_ADMIN_EMAIL))" "$$p" -m deploy.compose_env

lock: dev-packages ## settle versions and hashes anew (requirements*.txt)
	@sh deploy/local/lock.sh

sbom: dev-packages ## write sbom.json: what the images install, with hashes (CycloneDX)
	@.venv/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-format JSON --output-file sbom.json

audit: dev-packages ## known vulnerabilities of what is locked; asks an advisory service (ARGS="--vulnerability-service osv")
	@.venv/bin/pip-audit --requirement requirements.txt --disable-pip --require-hashes --strict $(ARGS)

secrets-scan: dev-packages ## keys and tokens that do not belong into the repository
	@.ci/secrets-scan

clean: ## stop everything and forget all data
	@if [ -x $(PY) ]; then $(PY) -m deploy.local clean; else rm -rf .data; fi

distclean: clean ## and the virtual environment
	@rm -rf .venv

packages:
	@$(FIND_PYTHON); "$$p" -m deploy.local.bootstrap run

dev-packages:
	@$(FIND_PYTHON); "$$p" -m deploy.local.bootstrap dev
