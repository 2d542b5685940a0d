# Two commands matter: `make demo` and `make test`. Each sets up all it needs in .venv, from the committed uv.lock.
UV_VERSION := 0.13.9
UV := .tools/bin/uv
SYNC := $(UV) sync --frozen --no-python-downloads
SOURCES := models connectors dashboards streams servers tests

.PHONY: help setup setup-test demo test test-long servers servers-down check format bench pictures clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(UV):
	@command -v python3 >/dev/null || { echo "python3 (3.11 to 3.13) is missing: install it, for example: apt-get install python3 python3-pip"; exit 1; }
	@python3 -m pip --version >/dev/null 2>&1 || { echo "pip is missing: install it, for example: apt-get install python3-pip"; exit 1; }
	python3 -m pip install --quiet --disable-pip-version-check --target .tools "uv==$(UV_VERSION)"

.venv/.setup: $(UV) uv.lock pyproject.toml
	$(SYNC) --inexact --no-dev --extra kafka --extra mongodb
	@echo "compiling the kernels once (they are cached)"
	@.venv/bin/python -m streams.warm_up
	@touch $@

.venv/.setup-test: .venv/.setup
	$(SYNC) --all-extras
	@touch $@

setup: .venv/.setup ## make .venv/bin/petawatch

setup-test: .venv/.setup-test

demo: setup ## simulate some minutes of beam with faults, watch them, show the alerts
	.venv/bin/petawatch demo --once

check: setup-test ## format, lint, types and the direction of imports
	.venv/bin/ruff format --check $(SOURCES)
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/mypy
	.venv/bin/lint-imports

test: check ## the checks and every test, drills shortened
	.venv/bin/pytest

test-long: check ## the same with the drills in full
	PETAWATCH_TEST_LONG=1 .venv/bin/pytest

servers: setup ## start a real Kafka on 127.0.0.1:19092 (needs java and mvn; the tests start their own)
	.venv/bin/python -m servers up

servers-down: setup ## stop it; what it holds stays
	.venv/bin/python -m servers down

pictures: setup-test ## make the pictures of docs/images anew, from simulated data
	.venv/bin/python -m tests.browser.pictures

format: setup-test ## format the code and mend what can be mended
	.venv/bin/ruff format $(SOURCES)
	.venv/bin/ruff check --fix $(SOURCES)

bench: setup ## the speed and memory figures
	.venv/bin/petawatch bench

clean: ## remove what was made
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache petawatch-demo petawatch-live
