# The two commands a newcomer needs are `make run` and `make test`; each does all its own set-up.
# The rest: `make lint`, `make coverage`, `make test-all` and its parts, `make bench`, `make wheel`, `make soak`,
# `make fuzz`, `make image` and its test, `make clean`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV   := .venv
PYTEST := $(VENV)/bin/pytest
DEMO   ?=
CUTS   ?= 20
IMAGE  ?=
FUZZ   ?=
MUTATED ?=
EXAMPLES ?= 300

.PHONY: help run setup setup-tests test test-trixie test-pythons test-all lint coverage bench wheel soak guides translations image image-test fuzz fuzz-interface clean

help:
	@echo "make run          a whole school on this machine: DNS, pages and a lamp (DEMO=--offline for a train)"
	@echo "make test         lint, types, import layering and every test"
	@echo "make test-trixie  the same in a bare Debian 13, whatever this machine runs (root; half an hour)"
	@echo "make test-pythons every test with each of Python 3.11, 3.12 and 3.13 that this machine has"
	@echo "make coverage     every test, and which lines and branches they reach, in every process that they start"
	@echo "make test-all     all of these"
	@echo "make lint         lint, types and import layering alone"
	@echo "make bench        speed and size beside Unbound, dnsmasq and others; central with many rooms"
	@echo "make wheel        Hallpass for this machine and Python, its hot path compiled, into dist/ (a minute)"
	@echo "make guides       the guides as pages to print, with pictures of the pages, into dist/guides"
	@echo "make translations the texts of the pages into the catalogues of each language, and these compiled"
	@echo "make soak         a minute at full load and fifty sudden deaths, every answer accounted for"
	@echo "make fuzz         an hour of made-up bytes against everything that reads the network (x86-64 only), and one"
	@echo "                  of an upstream whose answers are mutated (MUTATED='--seconds 60' for less)"
	@echo "make fuzz-interface   hundreds of made-up calls an operation of central's interface, on both databases, and of a trust's"
	@echo "make image        the SD card's image, into dist/ (root; half an hour the first time)"
	@echo "make image-test   that image, booted under emulation, with twenty pulled plugs (an hour; CUTS=2 for fewer)"
	@echo "make clean        remove what these commands made"

run: $(VENV)/.installed
	@$(VENV)/bin/hallpass demo $(DEMO)

setup: $(VENV)/.installed

setup-tests: $(VENV)/.installed-for-tests

$(VENV)/.installed: pyproject.toml constraints.txt .ci/setup
	@.ci/setup run

$(VENV)/.installed-for-tests: pyproject.toml constraints.txt .ci/setup .ci/schemathesis.lock .ci/axe/package-lock.json
	@.ci/setup test

$(VENV)/.installed-for-bench: pyproject.toml constraints.txt .ci/setup
	@.ci/setup bench

$(VENV)/.installed-for-image: pyproject.toml constraints.txt .ci/setup
	@.ci/setup image

lint: $(VENV)/.installed-for-tests
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# The tests come last, so that the runner's summary is the last thing printed.
test: lint
	$(PYTEST) -n auto --dist loadgroup

test-trixie:
	.ci/trixie

test-pythons: $(VENV)/.installed-for-tests
	.ci/pythons

# What coverage is measured of, and how little is too little: pyproject.toml. Measured, everything takes longer.
coverage: $(VENV)/.installed-for-tests
	rm -f .coverage .coverage.*
	$(PYTEST) -n auto --dist loadgroup --timeout 300 --cov --cov-report=term

# What `make test` does with a few calls an operation, on each database.
fuzz-interface: $(VENV)/.installed-for-tests
	$(PYTEST) tests/webui/api/test_made_up_calls.py tests/webui/trust/test_made_up_calls.py --examples $(EXAMPLES) --timeout 3600

test-all: lint
	.ci/trixie
	.ci/pythons
	$(PYTEST) -n auto --dist loadgroup -m exhaustive
	$(MAKE) coverage
	$(MAKE) fuzz-interface

guides: $(VENV)/.installed-for-tests
	$(PYTEST) tests/browser/test_guides.py -n0 -m exhaustive
	@echo "The guides are in dist/guides: a page each to print, and pictures of the pages that they speak of."

translations: $(VENV)/.installed-for-tests
	.ci/translations

# What is measured is the compiled build, in a folder of its own that Python finds before the sources.
bench: $(VENV)/.installed-for-bench
	PYTHONPATH=$$($(VENV)/bin/python -m tests.fakes.compiled_build) PYTHONSAFEPATH=1 $(VENV)/bin/python -m tests.bench

# With what is installed here, which is pinned: the compiler, and whatever the compiled modules import.
wheel: $(VENV)/.installed-for-tests
	HATCH_BUILD_HOOKS_ENABLE=1 $(VENV)/bin/python -m pip --disable-pip-version-check wheel --quiet --no-deps \
		--no-build-isolation --wheel-dir dist .

soak: $(VENV)/.installed-for-bench
	$(VENV)/bin/python -m tests.soak.recorder saturate
	$(VENV)/bin/python -m tests.soak.recorder kill 50

# An environment of its own: the fuzzer is no dependency of Hallpass's, and has no wheels for a Pi.
fuzz: $(VENV)/.installed-for-tests
	test -x .venv-fuzz/bin/python || $(VENV)/bin/python -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable . atheris
	nice -n 19 .venv-fuzz/bin/python -m tests.fuzz $(FUZZ)
	nice -n 19 $(VENV)/bin/python -m tests.fuzz.mutated_upstream $(MUTATED)

image: $(VENV)/.installed-for-image
	$(VENV)/bin/hallpass image build --output dist $(IMAGE)

image-test: $(VENV)/.installed-for-image
	$(VENV)/bin/hallpass image build --output dist --compress none $(IMAGE)
	$(PYTEST) tests/image/boot_story.py -p no:xdist --timeout 7200 -s --power-cuts $(CUTS)

clean:
	rm -rf $(VENV) .venv-* .build .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* dist
