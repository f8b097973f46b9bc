# The commands of this project. `make dev` and `make test` are the two that matter.
# All but sam-local need only Rust, Python 3 and a C compiler; the rest goes to .tools/.

export PATH := $(CURDIR)/.tools/venv/bin:$(CURDIR)/.tools/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_NO_UPDATE := 1
export AWS_DEFAULT_REGION ?= us-east-1

TOOLS := .tools/venv/.installed
CARGO_DENY := .tools/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
EMULATOR := .tools/conformance/.installed
ARGS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help dev build test format template deny clippy docs unit suite sam-build sam-local conformance clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: build ## Start everything on 127.0.0.1: WebSockets on 3001, HTTP on 3000 (ARGS="--port 0 ...")
	@exec target/debug/funnelcast-local up --port 3001 --http-port 3000 $(ARGS)

build: ## Build every crate, in the dev profile
	@echo '==> build'
	@cargo build --workspace --locked

test: format template clippy docs unit sam-build deny suite ## Run every check
	@echo '==> all checks passed'

format: ## Check the formatting
	@echo '==> format'
	@cargo fmt --all --check

template: $(TOOLS) ## Lint template.yaml
	@echo '==> template'
	@sam validate --lint
	@cfn-lint template.yaml

deny: $(CARGO_DENY) ## Check the dependencies: licenses, bans, sources (deny.toml)
	@echo '==> deny'
	@cargo fetch --locked --quiet
	@cargo deny --offline --log-level error check bans licenses sources

clippy: ## Lint the Rust code, warnings are errors
	@echo '==> clippy'
	@cargo clippy --workspace --all-targets --locked -- -D warnings

docs: ## Build the documentation; a broken link is an error
	@echo '==> docs'
	@RUSTDOCFLAGS='-D warnings' cargo doc --workspace --exclude tests --no-deps --locked --quiet

unit: build ## Run the unit tests
	@echo '==> unit tests'
	@cargo test --workspace --exclude tests --locked --quiet --lib --bin funnelcast-local --test '*'
	@cargo test --package funnelcast-core --locked --quiet --doc

suite: build ## Run the black-box suite against a local stack of its own (ARGS="joining::")
	@echo '==> black-box suite'
	@cargo test --package tests --locked --lib --test suite -- $(ARGS)

sam-build: $(TOOLS) ## Build every function as it is deployed (x86_64, release), offline
	@echo '==> sam build'
	@cargo fetch --locked --quiet
	@CARGO_NET_OFFLINE=true sam build

sam-local: sam-build ## Invoke functions by `sam local`, in a container; needs root on Debian
	@echo '==> sam local'
	@scripts/sam-local

conformance: build sam-build $(EMULATOR) ## Run the black-box suite against the emulator ministack (ARGS="joining::")
	@echo '==> conformance'
	@.tools/conformance/bin/python tests/conformance/run.py $(ARGS)

clean: ## Remove what was built; keeps the tools and the dev issuer's key
	@rm -rf target .aws-sam

$(TOOLS): scripts/requirements.txt
	@echo '==> tools'
	@scripts/tools

# From crates.io like every other dependency, and unoptimised: that takes a third of the time to build.
$(CARGO_DENY):
	@echo '==> cargo-deny $(CARGO_DENY_VERSION)'
	@cargo install --quiet --locked --debug --root .tools --version $(CARGO_DENY_VERSION) cargo-deny

$(EMULATOR): scripts/requirements-conformance.txt $(TOOLS)
	@echo '==> the emulator'
	@python3 -m venv --clear .tools/conformance
	@.tools/conformance/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
