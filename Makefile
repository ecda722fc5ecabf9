# `make help` lists the targets. Everything runs in .venv, which the first target makes.
PYTHON ?= python3
VENV := .venv
FLOOR := .venv-floor
BIN := $(VENV)/bin
FLOOR_TESTS := tests/test_configuration.py tests/test_windows.py tests/test_modeling.py tests/test_encoders.py \
               tests/test_polarity.py tests/test_pipeline.py tests/test_remote_code.py

# The library finds no model hub here; without this every look-up would wait for a time-out.
export HF_HUB_OFFLINE ?= 1
export HF_DATASETS_OFFLINE ?= 1

.DEFAULT_GOAL := help
.PHONY: help quickstart bench compare browser test test-floor check format clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/:/' | column -t -s ':'

$(VENV)/.base: constraints.txt setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.quickstart: $(VENV)/.base
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[quickstart]"
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

quickstart: $(VENV)/.quickstart  ## Train, evaluate, publish to a folder and use a model on real reviews, in ten minutes
	$(BIN)/python examples/quickstart.py

$(VENV)/.bench: $(VENV)/.quickstart
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[onnx,openvino,report]"
	@touch $@

bench: $(VENV)/.bench  ## Measure speed on this CPU against what else a user would run, in ten minutes; write reports/speed.md
	$(BIN)/python -m benchmarks.scoring
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.length
	$(BIN)/python -m reports.render

$(VENV)/.compare: $(VENV)/.quickstart
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[baselines,report]"
	@touch $@

# What is there is rendered whatever is missing or failed; ENCODERS is a folder that holds gte-small and all-mpnet-base-v2.
compare: $(VENV)/.compare  ## Run what is missing of every system (DATA=folder [ENCODERS=folder]); write reports/comparison.md
	@failed=0; \
	$(if $(DATA),$(BIN)/python -m baselines.run baselines/experiments/*.json --data "$(DATA)" \
	    $(if $(ENCODERS),--encoder "$(ENCODERS)") || failed=1;) \
	$(BIN)/python -m reports.render comparison claims && exit $$failed

# Without a Chromium the tests of the page are skipped, but fail where CI is set.
browser: $(VENV)/.dev  ## Find the Chromium that the tests of the page need, or install Playwright's
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$name && exit 0; done; \
	    $(BIN)/playwright install --with-deps chromium

test: $(VENV)/.dev  ## Run every test, offline
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

test-floor:  ## Run the tests of the shipped files on the oldest supported transformers
	$(PYTHON) -m venv $(FLOOR)
	$(FLOOR)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(FLOOR)/bin/pip install --quiet --disable-pip-version-check transformers==4.57.6 accelerate pytest
	$(FLOOR)/bin/python -m pytest -q $(FLOOR_TESTS)

check: $(VENV)/.dev  ## Format check, lint, tests: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) test

format: $(VENV)/.dev  ## Format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove the environments and caches
	rm -rf $(VENV) $(FLOOR) build dist *.egg-info .pytest_cache .ruff_cache
