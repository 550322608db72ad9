# Thin: every target is a line or two that can be typed by hand. `make help` lists them.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
PYTHON := build/venv/bin/python
KAFKA := deploy/kafka/kafka.sh
KAFKA_PORT ?= 9092
REGISTRY_PORT ?= 8081
# A variable named SECONDS would set bash's clock in everything started from here.
unexport SECONDS

C_FILES = $(shell git ls-files -co --exclude-standard '*.c' '*.h')

.DEFAULT_GOAL := help
.PHONY: help demo test build bench chaos kafka-up kafka-down format lint clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## installs what is missing, builds, shows the job live; SECONDS=60 ends it by itself
	@deploy/setup.sh build
	@$(MAKE) --no-print-directory build
	build/release/freshet demo $(if $(SECONDS),--seconds $(SECONDS))

build: ## the release binary at build/release/freshet; installs nothing
	@deploy/setup.sh check build
	cmake --preset release --log-level=WARNING
	cmake --build --preset release -j $(JOBS) --target freshet

# One ctest run over everything, so that its summary is the last word: the thread-sanitizer and
# release programs are built beside and registered in the asan tree (tests/integration/tests.cmake).
test: ## installs what is missing, builds with sanitizers, runs everything; ends with the summary
	@deploy/setup.sh test
	cmake --preset asan --log-level=WARNING -DFRESHET_TSAN_BUILD=$(CURDIR)/build/tsan \
	    -DFRESHET_RELEASE_BUILD=$(CURDIR)/build/release
	cmake --build --preset asan -j $(JOBS)
	cmake --preset tsan --log-level=WARNING
	cmake --build --preset tsan -j $(JOBS) --target freshet tsan_tests
	cmake --preset release --log-level=WARNING
	cmake --build --preset release -j $(JOBS) --target freshet
	ctest --preset asan -j $(JOBS) $(CTEST)

bench: ## all benchmarks of the release build, one after the other, tables at the end
	@deploy/setup.sh test
	cmake --preset release --log-level=WARNING
	cmake --build --preset release -j $(JOBS)
	tests/bench/run.sh

# One seed is one storm of at most 50 faults, so a broken one can be run again alone.
chaos: ## N faults (40) from SEED on a real Kafka under load; report in build/chaos/
	@deploy/setup.sh test
	cmake --preset asan --log-level=WARNING
	cmake --build --preset asan -j $(JOBS) --target freshet
	PYTHONPATH=tests/support:tests $(PYTHON) -m chaos --faults $(or $(N),40) \
	    $(if $(SEED),--seed $(SEED)) $(if $(EVENTS),--events $(EVENTS))

kafka-up: ## a real Kafka and registry on loopback (KAFKA_PORT, REGISTRY_PORT); writes build/kafka/dev.env
	@$(KAFKA) up build/kafka/dev $(KAFKA_PORT) $(REGISTRY_PORT)

kafka-down: ## stops them and removes their data
	@$(KAFKA) down build/kafka/dev

format: ## formats all C files
	clang-format-14 -i $(C_FILES)

lint: ## clang-tidy over all C files of the program
	cmake --preset dev --log-level=WARNING
	git ls-files -co --exclude-standard '*.c' | grep -v '^tests/' | \
	    xargs -P $(JOBS) -n 4 clang-tidy-14 -quiet -p build/dev

clean: ## removes what was built; fetched jars and Python packages stay
	rm -rf build/dev build/asan build/tsan build/fuzz build/release
