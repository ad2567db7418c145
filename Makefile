# The commands that people type. Each does its own set-up, says what it does, and is quick the second time.
.DEFAULT_GOAL := help
.PHONY: help setup build run test bench count fuzz mutate asan tsan lint format install clean

MODEL ?= smollm2
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
MUTATIONS ?= 20000
PREFIX ?= /usr/local
TESSERA := build/release/bin/tessera
export PROMPT

# A file, a directory or a model of Hugging Face's cache is there already; the catalogue's are fetched.
have_model = $(TESSERA) inspect "$(1)" >/dev/null 2>&1 || $(TESSERA) pull "$(1)" >/dev/null

help:  ## List these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup:
	@tools/setup.sh

build: setup  ## Build the program: build/release/bin/tessera
	@echo "==> Building the program"
	@cmake --preset release -DTESSERA_TESTS=ON >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@rm -f build-configure.log
	@cmake --build --preset release -j $(JOBS) --target tessera_program

run: build  ## Fetch a small language model and talk with it (PROMPT="…" for one answer, MODEL=… for another)
	@$(call have_model,$(MODEL))
	@$(TESSERA) run "$(MODEL)" $(if $(PROMPT),"$$PROMPT")

test: build  ## Build and run all tests
	@echo "==> Building the tests"
	@cmake --build --preset release -j $(JOBS)
	@$(call have_model,smollm2)
	@echo "==> Running the tests"
	@ctest --preset release -j $(JOBS) $$(if [ -t 1 ]; then echo --progress; fi)

bench: setup  ## Build and run the benchmarks
	@cmake --preset release -DTESSERA_BENCH=ON >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@bench/run

count: setup  ## Count each kernel's instructions and compare (RENEW=--renew writes the figures)
	@tools/setup.sh count
	@cmake --preset release -DTESSERA_TESTS=ON >/dev/null
	@cmake --build --preset release -j $(JOBS) --target count_kernels
	@bench/count build/release/bin/count_kernels $(RENEW)

fuzz:  ## Run every fuzzer for FUZZ_SECONDS=60 each
	@tools/setup.sh fuzz
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz -j $(JOBS)
	@fuzz/run $(FUZZ_SECONDS)

mutate: build  ## Load MUTATIONS=20000 damaged model files, and as many of the texts beside them
	@cmake --build --preset release -j $(JOBS) --target mutate_tests
	@TESSERA_MUTATIONS=$(MUTATIONS) build/release/bin/mutate_tests

asan: setup  ## Run the tests under the address and undefined-behaviour sanitizers
	@cmake --preset asan >/dev/null && cmake --build --preset asan -j $(JOBS) && ctest --preset asan -j $(JOBS)

tsan: setup  ## Run the tests under the thread sanitizer
	@cmake --preset tsan >/dev/null && cmake --build --preset tsan -j $(JOBS) && ctest --preset tsan -j $(JOBS)

lint:  ## Check formatting, rooms and style
	@tools/setup.sh lint
	@tools/lint.sh

format:  ## Format every source file
	@tools/setup.sh lint
	@git ls-files '*.cc' '*.h' '*.cu' '*.cuh' | xargs clang-format -i

install: build  ## Install library, headers, program, man page and completions into PREFIX=/usr/local
	@cmake --build --preset release -j $(JOBS)
	@cmake --install build/release --prefix $(PREFIX)

clean:  ## Remove everything that was built
	@rm -rf build
