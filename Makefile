# Every target works from a fresh clone: it makes .venv and installs what it needs first.
# The install is redone when pyproject.toml or constraints.txt changed.

PYTHON ?= python3
ARGS =
JOBS ?= 2
PEERS = build/environments
RANKS ?= 2
TABLES := $(sort $(wildcard benchmarks/science/t*_*.py))

VENV := .venv
BIN := $(VENV)/bin
CHECK := import sys; sys.exit(sys.version_info < (3, 11) and \
	"Python 3.11 or newer is needed (this is %d.%d): name one with PYTHON=..." % sys.version_info[:2])

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bounds lint tutorials docs science science-full soak oracle torchrun release clean

help:
	@echo "make demo    install, then run the main job on real digits    (ARGS='--help' lists its options)"
	@echo "make test    install, then run all tests, coverage >= 90 %"
	@echo "             (a part of them: ARGS='tests/test_neuron.py --no-cov')"
	@echo "make bounds  install, then run hostile and edited graphs with every index of compiled loops checked"
	@echo "make lint    install, then ruff check, ruff format --check, mypy"
	@echo "make tutorials     install, then run the scripts of tutorials/ and write their notebooks"
	@echo "             (some of them: ARGS='01 04')"
	@echo "make docs    install, then build the documentation into build/docs, warnings as errors"
	@echo "make science       install, then a coarse version of the tables of benchmarks/science"
	@echo "make science-full  the same tables with all seeds, to benchmarks/results/science"
	@echo "             (JOBS=2: cells done side by side; what is done is kept, so it can be killed)"
	@echo "make soak    install, then an hour of model time with all glia, to benchmarks/results (minutes)"
	@echo "make oracle  install, then the same networks in NEST and Brian2, spike for spike, and the programs"
	@echo "             of peers on docs/coming_from.md (before a release)"
	@echo "             (PEERS=...: a folder of their environments that is there already, installs none)"
	@echo "make torchrun  install, then a network over two processes (RANKS=2)"
	@echo "make release install, then sdist and wheel into dist, and a try of the wheel in an empty environment"
	@echo "make clean   remove .venv and everything the targets above left behind"
	@echo "PYTHON=...   the interpreter that makes .venv, 3.11 or newer (default: python3; first make clean)"

demo: $(VENV)/demo.stamp
	$(BIN)/pyngn-graph demo $(ARGS)

# Two workers for two cores, so each computes on one thread.
test: $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --cov --cov-report=term $(ARGS)

# Compiled loops look at no bounds, so that a wrong index is seen here, if anywhere.
bounds: $(VENV)/test.stamp
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(CURDIR)/build/bounds OMP_NUM_THREADS=1 \
		$(BIN)/pytest -q tests/test_reserved.py tests/test_edited_graphs.py $(ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tutorials: $(VENV)/tutorials.stamp
	OMP_NUM_THREADS=1 $(BIN)/python tutorials/build.py $(ARGS)

docs: $(VENV)/docs.stamp
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo "open build/docs/index.html"

science: $(VENV)/bench.stamp
	for table in $(TABLES); do $(BIN)/python $$table --fast --jobs $(JOBS) $(ARGS) || exit 1; done

science-full: $(VENV)/bench.stamp
	for table in $(TABLES); do $(BIN)/python $$table --jobs $(JOBS) $(ARGS) || exit 1; done

soak: $(VENV)/bench.stamp
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/soak.py $(ARGS)

# NEST and Brian2 have environments of their own: they want different versions of numpy.
oracle: $(VENV)/test.stamp $(VENV)/bench.stamp $(if $(filter build/environments,$(PEERS)),build/environments/oracle.stamp)
	OMP_NUM_THREADS=1 PYNGN_PEERS=$(PEERS) $(BIN)/pytest tests/oracle tests/test_coming_from.py $(ARGS)

build/environments/oracle.stamp: benchmarks/speed/environments.sh
	@$(PYTHON) -c '$(CHECK)'
	PYTHON=$(PYTHON) benchmarks/speed/environments.sh build/environments nest brian2
	@touch $@

torchrun: $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/torchrun --nproc-per-node $(RANKS) -m pyngn_graph.distributed run $(ARGS)

# The wheel is built from the sdist, and tried where there is nothing but what it asks for.
release: $(VENV)/release.stamp
	rm -rf dist build/empty
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv build/empty
	build/empty/bin/python -m pip install --disable-pip-version-check -c constraints.txt dist/*.whl
	cd build/empty && OMP_NUM_THREADS=1 bin/python ../../tests/release/smoke.py

# "demo", "docs", "bench", "release", "test" and "tutorials" are extras of pyproject.toml. Making the
# environment again is quick, and mends one that was interrupted.
$(VENV)/%.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c '$(CHECK)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) build dist docs/tutorials .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
