# Everything a newcomer or CI needs, from a bare clone. `make` prints what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sequence
HELM_VERSION := v3.19.2
HELM := $(CACHE)/tools/helm-$(HELM_VERSION)
CRDS := crds charts/sequence-operator/files/crds
SAY := printf '\033[1m==> %s\033[0m\n'
unexport PYTHONDONTWRITEBYTECODE # or each of the hundreds of processes of a test run compiles our sources anew

.PHONY: help install rust-target controlplane postgres sandbox crds lint format test demo bench bench-paper soak lock clean

help: ## This text
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: .venv/.installed ## The virtual environment .venv with pinned, hash-checked packages (about 1 min, once)

.venv/.installed: requirements/dev.txt requirements/data.txt pyproject.toml
	@$(SAY) "Python environment in .venv (about 1 min, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is older than Python 3.11"; echo "hint: make PYTHON=python3.11 install"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/data.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

rust-target: ## The Rust target that algos compile to (a few seconds, once)
	@command -v rustc >/dev/null || { echo "error: Rust is not installed"; echo "hint: install rustup, then run this again"; exit 1; }
	@test -d "$$(rustc --print target-libdir --target wasm32-unknown-unknown)" || { \
	  $(SAY) "Rust target wasm32-unknown-unknown (a few seconds, once)"; rustup target add wasm32-unknown-unknown; }

controlplane: install ## The local Kubernetes control plane (a Go build of about 4 min, once, then cached)
	@$(BIN)/python -m sequence_operator.local.build

$(HELM):
	@$(SAY) "helm $(HELM_VERSION) for the chart's tests (about 1 min, once)"
	@mkdir -p $(@D) && GOBIN="$(@D)" go install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION) && mv "$(@D)/helm" $@

postgres: ## PostgreSQL's server programs, for the tests of paper's second database
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
	  $(SAY) "PostgreSQL server programs by apt (about 30 s, once)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; }

sandbox: ## bubblewrap, in which algos from git are compiled, and an SSH server for the tests of fetching
	@{ command -v bwrap && test -x /usr/sbin/sshd; } >/dev/null || { \
	  $(SAY) "bubblewrap and openssh-server by apt (about 20 s, once)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bubblewrap openssh-server gnupg >/dev/null; }

crds: install ## Write crds/*.yaml, and the chart's copies, anew from the models
	@$(foreach folder,$(CRDS),$(BIN)/python -m sequence_operator.spec.crd --write $(folder) &&) true

lint: install controlplane ## ruff, mypy (strict), import rules, generated files in step (about 1 min)
	@$(SAY) "ruff";        $(BIN)/ruff check . ; $(BIN)/ruff format --check .
	@$(SAY) "mypy";        $(BIN)/mypy
	@$(SAY) "import-linter"; $(BIN)/lint-imports
	@$(SAY) "crds";        $(foreach folder,$(CRDS),$(BIN)/python -m sequence_operator.spec.crd --check $(folder) &&) true
	@$(SAY) "go vet";      cd controlplane && test -z "$$(gofmt -l .)" && go vet -trimpath ./...  # as it is built, so that what is compiled is used again

test: install rust-target controlplane postgres sandbox $(HELM) ## All tests (TEST=… for some; the whole suite 8 to 10 min on 2 cores)
	@$(BIN)/python -m compileall -q -j 0 operator paper  # once, and not by each of the processes that tests start
	@HELM="$(HELM)" $(BIN)/python -m pytest --numprocesses=4 --dist=loadfile --no-loadscope-reorder \
	  --durations=25 --durations-min=1 $(TEST)

demo: install rust-target controlplane ## One algo from source to fills on recorded market data, then everything gone again
	@$(BIN)/python examples/demo/demo.py

bench: install rust-target controlplane ## The measured figures, written to bench/results
	@$(BIN)/python -m bench

bench-paper: install rust-target ## Paper against its bars, and beside NautilusTrader and hftbacktest (about 4 min)
	@$(BIN)/python -m bench.paper

soak: install ## A million events with random trading and many deaths of an edge: it must add up to the last unit (some minutes)
	@$(BIN)/python -m bench.soak --json bench/results/soak.json

lock: install ## Resolve the pins anew after a change of pyproject.toml
	@$(BIN)/pip install --quiet pip-tools
	@$(BIN)/pip-compile --quiet --extra dev --extra paper --extra watch --generate-hashes --strip-extras --allow-unsafe --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements/dev.txt pyproject.toml

clean: ## Remove what the Makefile made in this folder (caches of the user stay)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find bench examples operator paper tests -name __pycache__ -prune -exec rm -rf {} +
