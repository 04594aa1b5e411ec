# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= 20
PART ?= 1/1
AT_ONCE ?= 2
SPARE ?= 0
# On two cores the engine and its proxies leave less room than there is without: less is asked for, and oftener again.
ON_DOCKER ?= --target docker --retry-inconclusive 5 --reports build/docker
SCENARIOS ?= jwks_outage key_rotation clock_skew revocation_lag
READY := $(VENV)/.ready

.PHONY: help run test test-all check layout bench kills docker-test zoo stability example clean
.DEFAULT_GOAL := help

help:  ## Show what there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

run: $(READY)  ## Set up, run the JWKS outage on local processes, judge it, draw the report. No Docker needed.
	@$(BIN)/idchaos run jwks_outage

test: $(READY)  ## Set up and run the tests that guard a change: a few minutes, nothing is needed but Python.
	@$(BIN)/python -m pytest -m 'not e2e and not docker and not real_toxiproxy' -n auto --durations=15

test-all: test  ## These, and those that make whole runs: a quarter of an hour.
	@$(BIN)/python -m pytest -m 'e2e and not alone and not docker and not real_toxiproxy' -n 2 --durations=15 || \
		{ echo 'What failed with another run beside it is run once more, by itself:'; $(BIN)/python -m pytest \
			-m 'e2e and not alone and not docker and not real_toxiproxy' --last-failed --last-failed-no-failures none; }
	@$(BIN)/python -m pytest -m 'alone and not docker and not real_toxiproxy' --durations=15

check: $(READY) layout  ## All that a reviewer would ask: format, lint, types, and who may import whom.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=build/layout $(BIN)/lint-imports --no-cache

# The package as it is installed, made of links: what reads source files by name needs it in one place.
layout:
	@rm -rf build/layout && mkdir -p build/layout/idchaos
	@for part in harness/* scenarios fixtures; do ln -s ../../../$$part build/layout/idchaos/; done

bench: $(READY)  ## Measure the figures of docs/figures.md, as ratios in one run.
	@$(BIN)/python -m benchmarks

kills: $(READY)  ## Kill 100 runs at moments spread over their lives; nothing may be left.
	@$(BIN)/python -m benchmarks.kills

docker-test: $(READY)  ## Run what needs an engine, and scenarios on Docker with the real Toxiproxy.
	@$(BIN)/python -m pytest -m 'docker or real_toxiproxy' tests || \
		{ echo 'What failed is run once more:'; $(BIN)/python -m pytest \
			-m 'docker or real_toxiproxy' --last-failed --last-failed-no-failures none tests; }
	@$(BIN)/idchaos run $(filter-out revocation_lag,$(SCENARIOS)) $(ON_DOCKER) --rate 60 --set phases.recovery_s=14
	@$(BIN)/idchaos run revocation_lag $(ON_DOCKER) --rate 60 --set phases.recovery_s=14 \
		--set load.canaries_per_kind=0.4 --set revocation.rate=11
	@for topology in library introspection; do \
		$(BIN)/idchaos run audience_confusion $(ON_DOCKER) --topology $$topology --rate 60 \
			--set load.canaries_per_kind=1 || exit 1; \
	done

zoo: $(READY)  ## Let every known defect loose: each must be caught by name. Half an hour; PART=1/2 is half of it.
	@mkdir -p build && $(BIN)/idchaos zoo --at-once $(AT_ONCE) --part $(PART) --spare $(SPARE) --reports build/zoo --markdown build/zoo.md

stability: $(READY)  ## Run sound scenarios RUNS times with different seeds: none may FAIL.
	@for seed in $$(seq 1 $(RUNS)); do \
		$(BIN)/idchaos run $(SCENARIOS) --seed $$seed --reports build/stability || [ $$? -eq 2 ] || exit 1; \
	done

example: $(READY)  ## Make reports/example again, from a real run.
	rm -rf build/example
	@$(BIN)/idchaos run jwks_outage --seed 7 --reports build/example
	rm -rf reports/example
	cp -r "$$(readlink -f build/example/jwks_outage/latest)" reports/example
	@$(BIN)/idchaos report reports/example

clean:  ## Remove the virtual environment and caches; keep reports.
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
