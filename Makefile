# SPDX-License-Identifier: Apache-2.0
# make            builds everything
# sudo make demo  shows it at work
# make help       lists the rest
#
# Debian packages, npm packages and Node itself are installed where they are missing. V=1 shows the commands.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory
# Steps are in order; bpf/ and native/ use -j within.
.NOTPARALLEL:

Q := $(if $(V),,@)
BIN := $(CURDIR)/node_modules/.bin
C_FILES = $(wildcard bpf/*.[ch] native/*.[ch] bench/*.c)
NODE := node_modules/node/bin/node
# What Node makes of our TypeScript is kept: most processes of a test run are short.
export NODE_COMPILE_CACHE ?= $(CURDIR)/build/node-cache
# npm's commands look for `node` on the PATH: ours comes first.
WITH_NODE := PATH="$(BIN):$$PATH"
# Files that root made through sudo are given back to who called it.
give_back = $(if $(SUDO_UID),for path in $(1); do [ ! -e $$path ] || chown -R $(SUDO_UID):$(SUDO_GID) $$path; done,:)

# A test file, or a folder of them: make test TEST=test/compile
TEST ?= test
# Test files at a time. Each has what it needs to itself, and allows for others beside it.
JOBS ?= 2

# Of Kubernetes' own programs, those that benches need. KUBE_PROXY=debian: the one that is built of Debian's source.
KUBERNETES = $(strip $(if $(filter api,$(BENCH)),kube-apiserver) $(if $(KUBE_PROXY),kube-proxy))
# Of test-kernel: one of Debian's (5.10, 6.1, 6.12, 7.2).
KERNEL ?= 6.1

# Without BENCH all but `api`, whose API server takes minutes to build.
BENCHES = $(if $(BENCH),bench/$(BENCH).bench.ts,$(filter-out bench/api.bench.ts,$(wildcard bench/*.bench.ts)))

.PHONY: build demo manifest image test test-apiserver test-kernel bench lint format generate check-generated clean help \
	lint-types lint-style lint-c lint-shell lint-repository lint-manifest packages bpf native root system

##> build      everything that runs: eBPF objects, the N-API bridge, npm packages (default)
build: packages node_modules/.ready bpf native
	$(Q)$(call give_back,build bpf/build native/build)

##> demo       two nodes, real connections, live maps; under two minutes (needs root)
demo: root build run-packages system
	$(Q)$(NODE) lab/demo.ts

##> test       all tests; TEST=test/native for a part, JOBS=1 for one file at a time (needs root)
test: root build run-packages test-packages system
	$(Q)files=$$(find $(TEST) -name '*.test.ts' 2>/dev/null | sort || :); \
	[ -n "$$files" ] || { echo "TEST=$(TEST): no such file or folder with *.test.ts" >&2; exit 1; }; \
	mkdir -p build; status=0; \
	$(WITH_NODE) tap --reporter=tap --jobs=$(JOBS) $$files | tee build/test.tap | $(NODE) scripts/report-tests.ts || status=$$?; \
	$(call give_back,build .tap); exit $$status

##> test-apiserver  the same against real kube-apiserver and kube-proxy, built once; KUBE_APISERVER=/path, KUBE_PROXY=/path for your own (needs root)
test-apiserver: TEST := $(if $(filter file,$(origin TEST)),test-apiserver,$(TEST))
test-apiserver: root build run-packages test-packages apiserver-packages system
	$(Q)programs=$$(scripts/install-kubernetes); eval "$$programs"; \
	$(MAKE) test TEST="$(TEST)" JOBS=1 KUBE_PROXY="$$KUBE_PROXY"

##> test-kernel  tests on another kernel, in a virtual machine: KERNEL=6.1 TEST="test/bpf test/native" (needs root)
test-kernel: TEST := $(if $(filter file,$(origin TEST)),test-kernel test/bpf test/kernel test/native test/preflight test/xdp,$(TEST))
test-kernel: root build run-packages test-packages kernel-packages
	$(Q)files=$$(find $(TEST) -name '*.test.ts' | sort); [ -n "$$files" ]; \
	status=0; test-kernel/run $(KERNEL) $$files | $(NODE) scripts/report-tests.ts || status=$$?; \
	$(call give_back,build); exit $$status

##> bench      measurements, each against a control in the same run, and a page of them; BENCH=packets for one (needs root)
bench: root build run-packages bench-packages $(if $(KUBERNETES),apiserver-packages) system
	$(Q)programs=$(if $(KUBERNETES),$$(scripts/install-kubernetes $(KUBERNETES))); eval "$$programs"; \
	status=0; for file in $(BENCHES); do $(NODE) $$file || status=$$?; done; $(NODE) bench/page.ts || status=$$?; \
	$(call give_back,bench/results bench/build); exit $$status

##> lint       types, style and format of TypeScript and C, licences, names
lint: lint-packages node_modules/.ready lint-types lint-style lint-c lint-shell lint-repository lint-manifest

lint-types: node_modules/.ready
	$(call say,TSC) && $(WITH_NODE) tsc --noEmit -p .

lint-style: node_modules/.ready
	$(call say,FMT,biome) && $(WITH_NODE) biome check --error-on-warnings .

lint-c: lint-packages
	$(call say,FMT,clang-format) && clang-format --dry-run -Werror $(C_FILES)

lint-shell: lint-packages
	$(call say,CHK,shellcheck) && shellcheck -S warning scripts/check-system scripts/check-image scripts/image scripts/image-stage scripts/install-* test-kernel/inside test-kernel/install-kernel test-kernel/run deploy/vagrant/*.sh

lint-manifest: node_modules/.ready
	$(call say,CHK,deploy/manifest.yaml) && $(NODE) scripts/manifest.ts --check

lint-repository: node_modules/.ready
	$(call say,CHK,repository) && $(NODE) scripts/check-repository.ts

##> format     rewrites TypeScript and C in the house's format
format: lint-packages node_modules/.ready
	$(Q)$(WITH_NODE) biome check --write .
	$(Q)clang-format -i $(C_FILES)

##> generate   agent/kernel/layout.gen.ts from the BTF of bpf/
generate: build
	$(call say,GEN,layout.gen.ts) && $(NODE) agent/kernel/generate.ts

# Is the generated file what the objects say?
check-generated: build
	$(call say,CHK,layout.gen.ts) && $(NODE) agent/kernel/generate.ts --check

##> manifest   deploy/manifest.yaml from the Helm chart
manifest: node_modules/.ready
	$(call say,GEN,deploy/manifest.yaml) && $(NODE) scripts/manifest.ts

##> image      the image's root file system in build/image, without an engine (needs root, network and debootstrap)
image: root image-build-packages node_modules/.ready
	$(Q)PATH="$$PATH:$(BIN)" scripts/image
	$(Q)scripts/check-image build/image/root

##> clean      removes what was built; npm packages stay (rm -r node_modules removes them)
clean:
	rm -rf build bpf/build native/build bench/build .tap/test-results

##> help       this list
help:
	@sed -n 's/^##> /  make /p' Makefile

say = @printf "  %-3s %s\n" $(1) "$(2)"

bpf: packages
	$(Q)$(MAKE) $(if $(V),,-s) -C bpf

native: packages node_modules/.ready
	$(Q)$(MAKE) $(if $(V),,-s) -C native

packages: build-packages

%-packages:
	$(Q)scripts/install-packages $*

node_modules/.ready: package.json package-lock.json scripts/install-node | build-packages
	$(Q)scripts/install-node
	$(Q)touch $@
	$(Q)$(call give_back,build node_modules .tap)

root:
	@[ "$$(id -u)" = 0 ] || { echo "needs root: sudo make $(firstword $(MAKECMDGOALS))" >&2; exit 1; }

system: run-packages
	$(Q)scripts/check-system
