# The commands of this project. `make dev` and `make test` are the two that matter.
# All but sam-local need only Rust, Node, Python 3 and a C compiler; everything else is installed into .tools/ and node_modules/.
# Where there is no Chromium, root installs Debian's.

export PATH := $(CURDIR)/.tools/venv/bin:$(CURDIR)/.tools/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_NO_UPDATE := 1
export AWS_DEFAULT_REGION ?= us-east-1

TOOLS := .tools/venv/.installed
CARGO_DENY := .tools/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
EMULATOR := .tools/conformance/.installed
S3_CLIENTS := .tools/s3/.installed
SCHEMATHESIS := .tools/schemathesis/.installed
CHECKOV := .tools/checkov/.installed
CARGO_FUZZ := .tools/bin/cargo-fuzz
CARGO_FUZZ_VERSION := 0.13.2
ASYNCAPI := scripts/asyncapi/node_modules/.package-lock.json
CLIENT := client/node_modules/.package-lock.json
PACKAGE := client/dist/index.js
PAGE := client/demo/dist/index.html
EXAMPLE := examples/next-chat
RIGHTS := target/debug/stack-logs/rights.jsonl
DEPLOYABLE := .aws-sam/build/template.yaml
DEPLOYED_SOURCES = template.yaml Cargo.toml Cargo.lock $(shell find core aws realtime functions -type f \( -name '*.rs' -o -name Cargo.toml \))
PAGE_SOURCES = $(shell find client/src client/demo client/package.json -type f -not -path '*/dist/*') $(wildcard *.md docs/*.md client/*.md)
WIRE := cargo run --package funnelcast-core --features schema --example wire --locked --quiet --
FUNCTIONS := $(wildcard functions/*)
# Paths of this machine are left out of the binaries, so that others make the same ones; and so are the tables for unwinding, which
# are a tenth of a zip: a panic aborts, and without symbols a backtrace says nothing.
RELEASE := CARGO_NET_OFFLINE=true RUSTFLAGS='-C force-unwind-tables=no \
	--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=registry --remap-path-prefix=$(CURDIR)=.'
ARGS ?=
SEED ?=
SEEDS ?= 1
MINUTES ?= 1
TARGETS ?= frame channel token stream
STEPS := format language template release-local+ deny audit clippy docs build unit types-check client browser example \
	suite s3 schemathesis wait package-check

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help dev operate build test format language template deny audit clippy docs unit types types-check client demo browser example suite s3 soak schemathesis \
	bench sam-build sam-local conformance release-local package package-check fuzz clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# While it runs, a second `make dev` only builds: the running stack reloads the functions by itself.
dev: build ## Start everything on 127.0.0.1: WebSockets on 3001, HTTP and the demo page on 3000 (ARGS="--port 0 ...")
	@if command -v npm >/dev/null; then $(MAKE) --silent demo; \
	else echo 'make dev: Node.js with npm is missing, so the demo page on port 3000 is not built' >&2; fi
	@exec target/debug/funnelcast-local dev --parameter Search=on $(ARGS)

# The binary itself, as `cargo run` would build half of all crates with other features.
operate: build ## Run a command of an operator, on AWS or on a local stack (ARGS="doctor --local"; ARGS="--help")
	@target/debug/funnelcast-operator $(ARGS)

build: ## Build every crate, in the dev profile
	@echo '==> build'
	@cargo build --locked

test: ## Run every check, each with its time; what failed is repeated at the end
	@MAKE='$(MAKE)' scripts/steps $(STEPS)

format: ## Check the formatting
	@echo '==> format'
	@cargo fmt --all --check

language: ## Check that no text has words that the project does not use
	@echo '==> language'
	@scripts/language

template: $(TOOLS) ## Lint template.yaml
	@echo '==> template'
	@sam validate --lint
	@cfn-lint template.yaml

deny: $(CARGO_DENY) ## Check the dependencies: licenses, bans, sources (deny.toml)
	@echo '==> deny'
	@cargo fetch --locked --quiet
	@cargo deny --offline --log-level error check bans licenses sources

audit: $(CHECKOV) $(CARGO_DENY) ## Scan template.yaml (checkov, .checkov.yaml), and look for known flaws of crates and packages
	@echo '==> checkov'
	@.tools/checkov/bin/checkov --config-file .checkov.yaml --file template.yaml
	@scripts/audit

# The fuzz targets are among what is linted; that needs no fuzzer, so none is compiled.
clippy: export CUSTOM_LIBFUZZER_PATH = $(CURDIR)/fuzz/none
clippy: ## Lint the Rust code, warnings are errors
	@echo '==> clippy'
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@cargo clippy --package funnelcast-core --all-targets --all-features --locked -- -D warnings

docs: ## Build the documentation; a broken link is an error
	@echo '==> docs'
	@RUSTDOCFLAGS='-D warnings' cargo doc --workspace --exclude tests --exclude fuzz --no-deps --locked --quiet
	@RUSTDOCFLAGS='-D warnings' cargo doc --package funnelcast-core --all-features --no-deps --locked --quiet

unit: build ## Run the unit tests
	@echo '==> unit tests'
	@cargo test --locked --quiet --lib --bins --test append_model
	@cargo test --package funnelcast-core --locked --quiet --doc

types: ## Write what is generated from the types of core: the client's types, docs/openapi.yaml, docs/asyncapi.yaml, docs/schemas
	@echo '==> types'
	@$(WIRE) write

types-check: $(ASYNCAPI) ## Check docs/samples, the files that `make types` writes, and the AsyncAPI document by its official parser
	@echo '==> types'
	@cargo test --package funnelcast-core --features schema --locked --quiet --test samples
	@$(WIRE) check
	@node scripts/asyncapi/check.js docs/asyncapi.yaml

client: build types-check $(CLIENT) ## Check the TypeScript client: lint, types, tests, also against a local stack, size, package
	@echo '==> client'
	@cd client && npm run --silent check

demo: $(PAGE) ## Build the demo page (client/demo)

browser: build demo ## Test the demo page in Chromium, on a local stack (ARGS="chat"); its pictures: client/e2e/artefacts
	@echo '==> browser'
	@scripts/chromium
	@npm run --prefix client --silent browser -- $(ARGS)

example: build $(EXAMPLE)/node_modules/.package-lock.json ## Build examples/next-chat, and test it in Chromium, on a local stack
	@echo '==> example'
	@scripts/chromium
	@NEXT_TELEMETRY_DISABLED=1 npm test --prefix $(EXAMPLE) --silent

# A run of the whole suite ends by naming each right in template.yaml that no function used, and each call that was denied.
suite: build $(PACKAGE) ## Run the black-box suite against a local stack of its own (ARGS="joining::")
	@echo '==> black-box suite'
	@rm -f $(RIGHTS)
	@cargo test --locked --test suite -- $(ARGS)
	@test -n '$(ARGS)' || target/debug/funnelcast-local rights $(RIGHTS)

s3: build $(S3_CLIENTS) ## Drive the local stack's S3 by boto3 and the AWS CLI
	@echo '==> s3'
	@.tools/s3/bin/python tests/s3/run.py

schemathesis: build $(SCHEMATHESIS) ## Test the HTTP API by requests generated from docs/openapi.yaml (ARGS="--seed 2")
	@echo '==> schemathesis'
	@tests/schemathesis/run $(ARGS)

soak: build $(PACKAGE) ## Random traffic of the TypeScript client under faults, every guarantee checked (SEED=1 SEEDS=1 MINUTES=1 ARGS="--without kills")
	@echo '==> soak'
	@target/debug/soak $(if $(SEED),--seed $(SEED)) --seeds $(SEEDS) --minutes $(MINUTES) $(ARGS)

# On stable Rust, RUSTC_BOOTSTRAP lets libFuzzer's flags through; without a sanitizer it needs no others.
fuzz: $(CARGO_FUZZ) ## Throw random input at the parsers that strangers reach (MINUTES=10 TARGETS="frame channel token stream")
	@set -e; for target in $(TARGETS); do echo "==> fuzz $$target"; mkdir -p fuzz/corpus/$$target; \
	RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $$target fuzz/corpus/$$target docs/samples/requests \
	docs/samples/events events -- -max_total_time=$$(( $(MINUTES) * 60 )) -max_len=16384 -print_final_stats=1 -verbosity=0; done

bench: ## Measure the release binaries beside their baselines, into target/bench (ARGS="--full", ARGS="--help")
	@echo '==> release binaries'
	@cargo build --release --workspace --exclude bench --exclude tests --exclude fuzz --exclude funnelcast-testing --exclude funnelcast-local --exclude funnelcast-operator --locked
	@cargo build --release --package bench --bins --examples --package funnelcast-local --locked
	@echo '==> bench'
	@target/release/bench $(ARGS)

sam-build: $(DEPLOYABLE) ## Build every function as it is deployed (x86_64, release), offline

# All functions together first, on all cores: `sam build` builds one after the other, and then finds them built.
$(DEPLOYABLE): $(DEPLOYED_SOURCES) $(TOOLS)
	@echo '==> sam build'
	@cargo fetch --locked --quiet
	@$(RELEASE) cargo lambda build --release --locked $(FUNCTIONS:%=--package path+file://$(CURDIR)/%)
	@$(RELEASE) sam build

package: release-local $(PACKAGE) demo ## Make target/package: a folder for `sam deploy`, and the npm packages with the local stack inside
	@echo '==> package'
	@scripts/package

package-check: build release-local $(PACKAGE) demo $(EMULATOR) ## Pack twice, use the npm packages without Rust, and run the suite on the folder deployed to the emulator
	@echo '==> package-check'
	@scripts/package --again
	@python3 tests/package/run.py
	@.tools/conformance/bin/python tests/conformance/run.py --packed

# For older systems than this one too, as cargo-lambda links for Lambda's glibc. The operator is built of what the functions are built
# of, and the local stack of much else.
release-local: sam-build
	@echo '==> the local stack and the operator, release'
	@$(RELEASE) cargo lambda build --release --locked --package funnelcast-operator
	@$(RELEASE) cargo lambda build --release --locked --package funnelcast-local

sam-local: build sam-build ## Invoke every function by `sam local`, in containers, with its samples; needs root on Debian
	@echo '==> sam local'
	@scripts/sam-local

conformance: build sam-build $(EMULATOR) ## Run the black-box suite against the emulator ministack (ARGS="joining::")
	@echo '==> conformance'
	@.tools/conformance/bin/python tests/conformance/run.py $(ARGS)

clean: ## Remove what was built; keeps the tools and the dev issuer's key
	@rm -rf target .aws-sam client/dist client/demo/dist client/e2e/artefacts $(EXAMPLE)/.next $(EXAMPLE)/artefacts

$(TOOLS): scripts/requirements.txt
	@echo '==> tools'
	@scripts/tools

# From crates.io like every other dependency, and unoptimised, which takes a third of the time to build.
$(CARGO_DENY):
	@echo '==> cargo-deny $(CARGO_DENY_VERSION)'
	@cargo install --quiet --locked --debug --root .tools --version $(CARGO_DENY_VERSION) cargo-deny

# boto3, checkov, schemathesis and the emulator each have a Python environment of their own, apart from the other tools.
.tools/%/.installed: scripts/requirements-%.txt $(TOOLS)
	@echo '==> install $*'
	@python3 -m venv --clear .tools/$*
	@.tools/$*/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(CARGO_FUZZ):
	@echo '==> cargo-fuzz $(CARGO_FUZZ_VERSION)'
	@cargo install --quiet --locked --debug --root .tools --version $(CARGO_FUZZ_VERSION) cargo-fuzz

$(CLIENT): client/package-lock.json
	@echo '==> packages of the client'
	@npm ci --ignore-scripts --prefix client --silent
	@touch $@

$(PACKAGE): $(shell find client/src -type f) $(CLIENT)
	@echo '==> the package of the client'
	@npm run --prefix client --silent build

# The example has a copy of the client's package in its node_modules, so it is installed anew when that has changed.
$(EXAMPLE)/node_modules/.package-lock.json: $(EXAMPLE)/package-lock.json $(PACKAGE)
	@echo '==> packages of the example'
	@npm ci --ignore-scripts --prefer-offline --prefix $(EXAMPLE) --silent
	@touch $@

$(PAGE): $(PAGE_SOURCES) $(CLIENT)
	@echo '==> the demo page'
	@npm run --prefix client --silent demo:build

$(ASYNCAPI): scripts/asyncapi/package-lock.json
	@echo '==> the AsyncAPI parser'
	@npm ci --ignore-scripts --prefix scripts/asyncapi --silent
	@touch $@
