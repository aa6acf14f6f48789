# `make help` lists what there is. The first target that needs it sets up .venv with pip; nothing
# here needs root, and nothing is installed outside this folder.
#
#   PYTHON=python3.12 make test        another interpreter (3.11 or newer)
#   TORCH_INDEX=<url> make test        take torch from this index (a CPU or a certain CUDA build)
#   JOBS=4 make test                   so many tests at a time, where there are the cores for it

PYTHON ?= python3
TORCH_INDEX ?=
JOBS ?= 2
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
TORCH := $(shell grep '^torch==' constraints.txt)
SERVER := $(VENV)/.server-installed
DEV := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-installed test-deep parity check format bench mutants fuzz directions figures screenshots proto clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
		| while IFS='|' read -r target text; do printf '  %-12s %s\n' "$$target" "$$text"; done

setup: $(DEV) ## make .venv with the service and the development tools (other targets do it by themselves)

demo: $(SERVER) ## audit the built-in demo networks and write report, evidence and verdict to assay-demo/
	$(VENV)/bin/assay demo --out assay-demo

test: $(DEV) ## run the tests with coverage, then those against the built wheel (minutes)
	$(PY) -m pytest -n $(JOBS) --dist loadfile --ignore=tests/installed --cov --cov-report=term --cov-report=json
	$(PY) -m pytest tests/installed

test-deep: $(DEV) ## run what takes longer: seeds, peers, pages in a browser, a GPU (system packages: tests/packages.sh)
	$(PY) -m pytest -n $(JOBS) --dist loadfile --durations=40 -m "deep or gpu"

parity: $(DEV) ## every reference model against its recorded survivors, every liar under 20 seeds (an hour)
	$(PY) -m pytest -m parity

check: $(DEV) ## lint, formatting, types, layers, generated code, proto style, policy schema, list of metrics
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pyright
	$(VENV)/bin/lint-imports
	$(PY) tools/generate_protos.py --check
	$(PY) tools/generate_protos.py --lint
	$(PY) tools/policy_schema.py --check
	$(PY) tools/metric_table.py --check
	$(PIP) check

format: $(DEV) ## let ruff mend what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(DEV) ## measure speed against the peers, side by side
	$(PY) -m tools.bench

mutants: $(DEV) ## change the judge's code one operator at a time and see that tests notice (about 20 minutes)
	$(PY) -m tools.mutants

fuzz: $(DEV) ## send 10,000 malformed files through a service (about 20 minutes); FUZZ='--inputs 500'
	OMP_NUM_THREADS=1 $(PY) -m tools.fuzz $(FUZZ)

directions: $(DEV) ## train pairs of nets, look at them with every lens, write docs/directions.md (about 25 minutes)
	OMP_NUM_THREADS=1 $(PY) -m tools.directions --out build/directions --page docs/directions.md

figures: $(DEV) ## print the project's own figures beside their aims (coverage as `make test` left it)
	$(PY) tools/figures.py

screenshots: demo $(DEV) ## write docs/*.png from the demo's own reports (needs Chromium: tests/packages.sh)
	PYTHONPATH=tests $(PY) -m tools.screenshots

proto: $(DEV) ## generate the gRPC stubs from proto/
	$(PY) tools/generate_protos.py

clean: ## remove .venv, caches and everything built or measured
	rm -rf $(VENV) build dist .coverage .coverage.* coverage.json htmlcov .pytest_cache .ruff_cache \
		.hypothesis .import_linter_cache

# A stamp older than the two files it was made from runs the set-up again.
$(SERVER): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Assay needs Python 3.11 or newer; set PYTHON=...' >&2; exit 1; }
	@echo 'Setting up $(VENV); the first time takes a few minutes.'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet '$(TORCH)' $(if $(TORCH_INDEX),--index-url '$(TORCH_INDEX)')
	$(PIP) install --quiet -c constraints.txt -e '.[server]'
	@touch $@

$(DEV): $(SERVER)
	$(PIP) install --quiet -c constraints.txt -e '.[server,dev]'
	@touch $@
