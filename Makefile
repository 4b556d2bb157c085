# Two commands do everything on a machine with Python >= 3.10, pip and make:
#   make demo     set up .venv, run the main job on built-in data, say where the report is
#   make test     set up .venv with the development tools, run every check
# TORCH=gpu takes the build of torch that pip picks (CUDA packages included); the default is the CPU build.

PYTHON ?= python3
TORCH ?= cpu
TORCH_LOWEST ?= $(shell sed -n 's/^torch==//p' requirements/bootstrap.txt)
DATA ?= ../shared/data
FUZZ ?= --inputs 10000
BIN := .venv/bin
CORE := .venv/.core-$(TORCH)
DEV := .venv/.dev-$(TORCH)
LOWEST := .venv-lowest/.$(TORCH)-$(TORCH_LOWEST)
LOCKS := requirements/bootstrap.txt requirements/core.txt scripts/bootstrap.py pyproject.toml
# One thread per test process: two processes on two cores are faster than threads that fight over them.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

# Byte code is kept even where the environment says not to: else every process compiles all libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check machine-code test-slow test-lowest fuzz faults kills figures docs-tables results site notebooks vendor lock clean

help:  ## what can be made
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(CORE)  ## the environment of the demo
setup-dev: $(DEV)  ## the environment of the tests

$(CORE): $(LOCKS)
	$(PYTHON) scripts/bootstrap.py --torch $(TORCH)
	@touch $@

$(DEV): $(LOCKS) requirements/dev.txt
	$(PYTHON) scripts/bootstrap.py --torch $(TORCH) --dev
	@touch $@

demo: $(CORE)  ## train HSC-MAE and its baselines on built-in data; prints the table and where the report is
	$(BIN)/overtone demo

check: $(DEV)  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

machine-code: $(DEV)  # compile the graph search once, beside the types, for both test processes
	$(BIN)/python -c "import numpy, overtone.graphs; overtone.graphs.learn_graph(numpy.random.default_rng(0).normal(size=(99, 4)))"

test: $(DEV)  ## style, types and the default test suite
	$(MAKE) -j 2 check machine-code
	$(PYTEST) -n 2 -m "not slow"

test-slow: $(DEV)  ## the studies that are left out of the default suite
	$(PYTEST) -m slow

$(LOWEST): $(LOCKS) scripts/lowest.py
	$(PYTHON) scripts/lowest.py --torch $(TORCH) --torch-version $(TORCH_LOWEST)
	@rm -f .venv-lowest/.cpu-* .venv-lowest/.gpu-*
	@touch $@

test-lowest: $(LOWEST)  ## the default test suite with the lowest versions that are allowed; TORCH_LOWEST=2.4.0 for another torch
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -n 2 -m "not slow"

fuzz: $(DEV)  ## 10,000 changed inputs over every reader and command; FUZZ="--inputs 500 --seed 7" for others
	cd tests && PYTHONPATH=.:../src OMP_NUM_THREADS=1 ../$(BIN)/python -m fuzz $(FUZZ)

faults: $(DEV)  ## 100 kills, full disk, second writers, lost processes, a read-only installation
	$(PYTEST) -m "slow or not slow" tests/faults

kills: $(DEV)  ## kill a writer of a store 200 times and check what it left
	$(PYTEST) -m slow tests/search/test_kills.py

study-%: $(DEV)  ## one study of docs/studies: make study-losses runs scripts/study_losses.py
	$(BIN)/python scripts/study_$*.py --data $(DATA)

figures: $(DEV)  ## the figure of the README, docs/images/demo.svg, from a run of the demo
	$(BIN)/python scripts/figure_demo.py

docs-tables: $(DEV)  ## the tables of settings in docs/, from the code
	$(BIN)/python scripts/settings_tables.py

results: $(DEV)  ## the tables of docs/results.md, from the corpora in DATA
	$(BIN)/python scripts/results.py --data $(DATA)

bench-%: $(DEV)  ## one benchmark: make bench-NAME runs benchmarks/NAME.py
	$(BIN)/python benchmarks/$*.py

site: $(DEV)  ## the documentation as a site, in site/; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

notebooks: $(DEV)  ## docs/notebooks, run again from the scripts beside them
	$(BIN)/pip install -q -c requirements/dev.txt 'ipykernel>=6.29' 'nbclient>=0.10' 'nbformat>=5.10'
	$(BIN)/python scripts/notebooks.py

vendor: $(DEV)  ## renew the explorer's front-end packages; needs npm
	$(BIN)/python scripts/vendor.py

lock: $(DEV)  ## renew the pinned versions
	$(BIN)/pip install -q -r requirements/bootstrap.txt -c requirements/dev.txt
	$(BIN)/python scripts/lock.py

clean:  ## forget the environments
	rm -rf .venv .venv-lowest
