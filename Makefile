# The few commands that everything is done with. `make demo` and `make test` work on a fresh machine.
.PHONY: help install demo test check programs cluster cluster-down cluster-test conformance golden bench wheel lock clean
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/installed: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Daemun needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/developed: .venv/installed requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

install: .venv/installed ## Daemun into .venv

demo: .venv/installed ## serve the lab's manifests and send a request; ARGS=--once to stop after it
	$(BIN)/daemun demo $(ARGS)

test: .venv/developed ## all tests, WORKERS at a time, through real Envoy and, where Go is, a real API server and Vault (built once, 20 min)
	@$(BIN)/python -m tests.cluster build tests || echo 'so the tests that need an API server or Vault are skipped'
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

programs: .venv/developed ## build all that tests and clusters run, once, into the user's cache (Go; 40 min)
	$(BIN)/python -m tests.cluster build

check: .venv/developed ## lint, types, import contracts, sizes
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/support/tools/sizes.py

cluster: .venv/developed ## a real Kubernetes on this machine (Linux, root, Go); see docs/cluster.md
	$(BIN)/python -m tests.cluster up

cluster-down: .venv/developed ## end it and leave nothing
	$(BIN)/python -m tests.cluster down

cluster-test: .venv/developed ## the tests that need a whole cluster, in a cluster of their own
	$(BIN)/python -m tests.cluster test $(ARGS)

conformance: .venv/developed ## the Gateway API conformance suite, in a cluster of its own; writes docs/conformance
	$(BIN)/python -m tests.cluster conformance --fresh $(ARGS)

golden: .venv/developed ## write the expected files of the goldens and the CRDs of the chart anew; read the diff
	$(BIN)/python tests/support/tools/crds.py
	DAEMUN_GOLDEN=write $(BIN)/pytest tests/golden tests/placed tests/cli tests/unit/test_lint.py $(ARGS)

bench: .venv/developed ## measure; results go to bench/results, and with no ARGS into docs/performance.md
	$(BIN)/python -m bench $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m bench.page)

wheel: .venv/developed ## the package, into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

lock: ## pin the dependencies anew, with hashes (needs uv)
	uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	printf 'hatchling>=1.27\neditables>=0.5\n' | uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 --generate-hashes --no-emit-index-url - -o requirements/build.txt

clean: ## remove what was installed and built
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
