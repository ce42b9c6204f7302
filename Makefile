# Every target sets up what it needs: a fresh machine with Python 3.11 (or newer) and make is enough.
# The packages go to $(VENV) only; an environment that happens to be active is left alone. pip finds
# packages through its own settings (PIP_INDEX_URL, pip.conf, ...).
#
#   make demo PYTHON=/opt/python3.12/bin/python3     another Python to create the environment with
#   make test ARGS="-k rasterizer -x"                more arguments for the command behind a target
#   make test JOBS=0 ARGS="--pdb"                    tests in one process; two of them by default

VENV  ?= .venv
PYTHON ?=
ARGS  ?=
JOBS  ?= 2
# where the wheel is tried, and with which extras: `test` has no network library
WHEEL_VENV ?= .venv-wheel
EXTRAS     ?= test

py     := $(VENV)/bin/python
stamps := $(VENV)/stamps
log    := $(VENV)/setup.log

# A file of tests stays in one process: what its tests share is made once.
pytest := $(py) -m pytest -n $(JOBS) --dist loadfile

export MPLBACKEND ?= Agg
# Either would let packages from outside into the environment.
unexport PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pip runs in one environment at the same time break it, also under `make -j`.
.NOTPARALLEL:
.PHONY: help demo test test-torch test-all lint format docs gallery linkcheck figures wheel install-wheel test-wheel bench-package bench bench-fit bench-reconstruction bench-all clean clean-all

help:  ## list the targets
	@echo "Targets (each sets up what it needs, in $(VENV)):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(stamps)/core  ## reconstruct a measured pattern; figure and body go to demo_output/
	$(py) -u examples/reconstruct_measured_pattern.py $(ARGS)

test: $(stamps)/dev  ## run the quick tests and the examples in the docstrings
	$(pytest) $(ARGS)

# what computes on Keras tensors; of the networks' tests those in which the backend has a say
network_tests := bodies columns decoders exact_loss losses networks optimizer pose reconstructor surface_loss targets training
augmentation_tests := keras_filters channels gaps
keras_tests := tests/simulation/test_keras*.py tests/simulation/test_tensor_bodies.py tests/test_counters.py tests/test_arrays.py \
    $(augmentation_tests:%=tests/augmentation/test_%.py) tests/solids/test_halfspace_sampler.py $(wildcard tests/datasets/feeding/test_*.py) \
    $(network_tests:%=tests/reconstruction/test_%.py)

test-torch: $(stamps)/torch  ## run the tests of what uses Keras under PyTorch instead of TensorFlow
	KERAS_BACKEND=torch $(pytest) $(keras_tests) $(ARGS)

test-all: $(stamps)/dev  ## run every test, the slow ones too
	$(pytest) -m "" $(ARGS)

lint: $(stamps)/dev  ## check format, style, types, import layers and docstrings
	$(py) -m ruff format --check .
	$(py) -m ruff check .
	$(py) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(py) -m pytest -q tests/contract/test_docstrings.py
	@echo "lint: all checks passed"

format: $(stamps)/dev  ## rewrite the code in the project's format
	$(py) -m ruff format .
	$(py) -m ruff check --fix .

docs: $(stamps)/docs  ## build the documentation; warnings are errors
	$(py) -m sphinx -q -W --keep-going -b html $(ARGS) docs docs/_build/html
	@echo "docs: open docs/_build/html/index.html"

gallery: $(stamps)/docs  ## build the documentation and run the gallery's scripts for it; takes five minutes
	$(py) -m sphinx -W --keep-going -b html -D plot_gallery=1 $(ARGS) docs docs/_build/html
	@echo "gallery: open docs/_build/html/gallery/index.html"

linkcheck: $(stamps)/docs  ## ask every web address in the documentation whether it is still there; needs a network
	$(py) -m sphinx -q -b linkcheck $(ARGS) docs docs/_build/linkcheck
	@echo "linkcheck: docs/_build/linkcheck/output.txt lists them"

wheel: $(stamps)/build  ## build the source archive, and the wheel from it, into dist/
	@rm -rf build dist
	@$(py) -m build --no-isolation --outdir dist >$(VENV)/build.log 2>&1 || { tail -n 20 $(VENV)/build.log; exit 1; }
	@ls -l dist

# Runs in an unpacked source archive without the package, so that only the installed wheel can be found.
wheel_tests := tests/packaging/test_extras.py tests/solids tests/test_import.py
wheel_doctests := scatterkit.plotting scatterkit.solids

test-wheel: install-wheel  ## run quick tests of the wheel in an environment of its own (EXTRAS=test,tf-cpu ARGS="tests --pyargs scatterkit": all)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && python=$$(realpath -s $(WHEEL_VENV))/bin/python \
	    && tar -xzf dist/*.tar.gz -C "$$folder" --strip-components=1 && rm -rf "$$folder/scatterkit" && cd "$$folder" \
	    && "$$python" -m mypy --strict --config-file= --cache-dir="$$folder/types" tests/packaging/typed_user.py \
	    && "$$python" tests/packaging/typed_user.py \
	    && "$$python" -m pytest $(or $(ARGS),-k 'not keras' $(wheel_tests) --pyargs $(wheel_doctests))

bench-package: wheel  ## print what importing the package costs and what its wheel weighs
	@$(py) tests/benchmarks/bench_package.py --wheel dist/*.whl $(ARGS)

install-wheel: wheel
	@$(MAKE) --no-print-directory VENV=$(WHEEL_VENV) '$(WHEEL_VENV)/stamps/wheel-$(EXTRAS)'
	@$(WHEEL_VENV)/bin/python -m pip install -q --no-deps --force-reinstall dist/*.whl

figures: $(stamps)/core  ## draw the documentation's pictures of bodies, artifacts and data sets again
	@for script in looking_at_bodies augment_patterns; do \
	    $(py) examples/$$script.py --format webp --output docs/_static || exit 1; \
	done
	@folder=$$(mktemp -d) && $(py) examples/generate_dataset.py --format webp --output "$$folder" \
	    && mv "$$folder/gold.webp" docs/_static/; status=$$?; rm -rf "$$folder"; exit $$status

bench: $(stamps)/peers  ## measure speed: one table of all kernels, beside the published formula and pyMSFT
	$(py) -u tests/benchmarks/bench_simulation.py $(ARGS)

bench-fit: $(stamps)/dev  ## fits and baselines on 60 test bodies at one budget; takes hours, goes on where it was cut
	$(py) -u tests/benchmarks/bench_fit.py $(ARGS)

bench-reconstruction: $(stamps)/dev  ## the trained network, its refinement, fits and retrieval on published bodies; takes hours
	$(py) -u tests/benchmarks/bench_reconstruction.py $(ARGS)

bench-all: $(stamps)/peers  ## every other benchmark with its defaults: speed, accuracy, growth; takes hours
	@set -e; for script in $(filter-out %/bench_fit.py %/bench_reconstruction.py,$(sort $(wildcard tests/benchmarks/bench_*.py))); do \
	    echo "== $$script"; $(py) -u $$script $(ARGS); \
	done

clean:  ## remove what the other targets made, except the environment
	rm -rf build dist demo_output benchmark_output docs/_build docs/api/generated docs/gallery htmlcov .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find . -path ./$(VENV) -prune -o -path ./$(WHEEL_VENV) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

clean-all: clean  ## remove the environment too
	rm -rf $(VENV) $(WHEEL_VENV) *.egg-info

# --- set-up, done once: a stamp is older than pyproject.toml when the dependencies may have changed ---

define pip_install
	@mkdir -p $(stamps)
	@echo "-- installing $(1) into $(VENV): once, a minute or a few (log: $(log))"
	@for attempt in 1 2 3; do \
	    $(py) -m pip install --progress-bar off $(2) >>$(log) 2>&1 && touch $@ && exit 0; \
	    grep -E 'ERROR|error:' $(log) | tail -n 4 | cut -c 1-300; echo "-- pip failed (attempt $$attempt of 3)"; test $$attempt = 3 || sleep $$((5 * attempt)); \
	done; \
	echo "-- giving up; the whole log is $(log)"; exit 1
endef

$(stamps)/core: pyproject.toml | $(VENV)/pyvenv.cfg
	$(call pip_install,scatterkit and its dependencies,-e .)

$(stamps)/dev: pyproject.toml $(stamps)/core
	$(call pip_install,the test and lint tools,-e '.[dev]')

$(stamps)/torch: pyproject.toml $(stamps)/dev
	$(call pip_install,PyTorch,-e '.[torch]' torch==2.13.0)

# pyMSFT asks for Python 3.12 and one minor version of each dependency, but runs without.
$(stamps)/peers: pyproject.toml $(stamps)/dev
	$(call pip_install,pyMSFT to compare with,--no-deps --ignore-requires-python pyMSFT==1.0.2)

$(stamps)/docs: pyproject.toml $(stamps)/core
	$(call pip_install,the documentation tools,-e '.[docs]')

$(stamps)/build: Makefile | $(VENV)/pyvenv.cfg
	$(call pip_install,the tool that builds,'build>=1.3' 'setuptools>=77')

$(stamps)/wheel-$(EXTRAS): pyproject.toml | $(VENV)/pyvenv.cfg
	$(call pip_install,the wheel with the extras '$(EXTRAS)',"$$(echo dist/*.whl)[$(EXTRAS)]")

$(VENV)/pyvenv.cfg:
	@for candidate in $(or $(PYTHON),python3.11 python3 python); do \
	    "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    echo "-- creating $(VENV) with $$("$$candidate" --version)"; \
	    "$$candidate" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "-- $$candidate cannot create an environment (on Debian: install python3-venv)"; exit 1; \
	done; \
	echo "scatterkit needs Python 3.11 or newer; looked for: $(or $(PYTHON),python3.11 python3 python)."; \
	echo "Name another one like this: make demo PYTHON=/path/to/python3.11"; exit 1
