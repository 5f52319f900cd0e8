# One place for every command; CI runs the same ones (.ci/run). The first target prints this list.
SHELL := /bin/sh
PY := .venv/bin/python
ARGS ?=
FOOTAGE ?=
SITE ?=
OUT ?= build/scenes

.PHONY: help demo test check bench fuzz scenes setup page lock clean

help: ## print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: ## the main job on this machine: broker, hub, one agent, the page (ARGS=--once: one pass, no browser; FOOTAGE=path SITE=path)
	@sh deploy/build/venv.sh demo
	@$(PY) -m deploy.build.page_vendor
	@exec $(PY) deploy/demo/run.py $(if $(FOOTAGE),--footage "$(FOOTAGE)") $(if $(SITE),--site "$(SITE)") $(ARGS)

test: setup page ## set everything up and run the tests (ARGS goes to pytest)
	@sh deploy/build/system_parts.sh
	@$(PY) -m deploy.build.test_provider
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## ruff, types, the import order, the lock, licences and SBOM, what must not be in git, known vulnerabilities
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@$(PY) -m deploy.build.lock_check
	@$(PY) -m deploy.build.tree_check
	@$(PY) -m deploy.build.licences
	@$(PY) -m deploy.build.vulnerable

bench: setup page ## measure this machine (ARGS goes to the bench)
	@$(PY) tests/bench/run.py $(ARGS)

fuzz: setup page ## every endpoint against made-up requests, other ones each time (ARGS goes to pytest; ESPLANADE_FUZZ=300: for each)
	@ESPLANADE_FUZZ="$${ESPLANADE_FUZZ:-300}" $(PY) -m pytest --timeout 7200 tests/suites/test_fuzz.py $(ARGS)

scenes: setup ## render all of models/scenes with its truth into OUT (build/scenes): half an hour, 1.3 GB; goes on where it stopped
	@sh deploy/build/system_parts.sh
	@$(PY) -m models.scenes all --out "$(OUT)" $(ARGS)

setup: ## the development environment in .venv, from the hash-pinned lock
	@sh deploy/build/venv.sh dev

page: setup ## what the page takes from npm, into hub/dashboard/vendor
	@$(PY) -m deploy.build.page_vendor

lock: setup ## write requirements/ and package-lock.json from pyproject.toml and package.json (ARGS=--upgrade: newest)
	@sh deploy/build/lock.sh $(ARGS)
	@$(PY) -m deploy.build.page_vendor --lock
	@$(PY) -m deploy.build.test_provider --lock

clean: ## remove what was built (.venv stays; rm -rf .venv .uv takes that too)
	rm -rf build dist node_modules hub/dashboard/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
