# One word for each thing: `make help` lists them. Every target does its own set-up.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
RECIPE ?= demo
RUN ?= outputs/demo
ARGS :=
ifdef INPUT
# Your own pairs are judged; make merge LABELS=... curates them.
ARGS += input=$(INPUT) labels=human curate=null
endif
ifdef JUDGE
ARGS += judge.card=$(JUDGE)
endif
ifdef MODEL
ARGS += judge.set.model=$(MODEL)
endif
# What the demo wants labelled, and where its judge disagrees; before make generate, its pairs.
DEMO_LABEL := $(or $(wildcard outputs/demo/curated/to_label.jsonl),demo) --out outputs/demo.labels.jsonl
DEMO_LABEL += $(if $(wildcard outputs/demo/judgements.parquet),--run outputs/demo)
# Any other KEY=VALUE given on the command line goes to the recipe.
OWN := INPUT JUDGE MODEL RECIPE PYTHON ARGS DATA RUN LABELS REPO FILE ROWS DEMO_LABEL
GIVEN := $(foreach v,$(filter-out $(OWN),$(.VARIABLES)),$(if $(filter command line,$(origin $(v))),$(v)))

.PHONY: help setup generate merge label push test test-fast lint bench-judge bench-local bench-guarantee bench-curation record-demo
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/.setup: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing rlaif into .venv (extras: local, dev) ..."
	@$(PIP) install -c constraints.txt -e '.[local,dev]'
	@touch $@

.venv/.train: .venv/.setup
	@echo "Adding the extra train (torch, transformers, trl) to .venv ..."
	@$(PIP) install -c constraints.txt torch
	@$(PIP) install -c constraints.txt -e '.[local,dev,train]'
	@touch $@

setup: .venv/.setup ## make .venv with the extras local and dev

generate: .venv/.setup ## judge a dataset: [INPUT=file] [RECIPE=name] [JUDGE=card] [KEY=value ...]
	@$(BIN)/rlaif run $(RECIPE) $(ARGS) $(foreach v,$(GIVEN),'$(v)=$($(v))')

$(RUN)/manifest.json:
	@test "$(RUN)" = outputs/demo || { echo "$(RUN): no finished run there"; exit 2; }
	@$(BIN)/rlaif run demo

merge: .venv/.setup $(RUN)/manifest.json ## merge judge and people: [RUN=folder] [LABELS=file] [KEY=VALUE ...]
	@$(BIN)/rlaif curate $(RUN) $(if $(LABELS),--labels '$(LABELS)') $(foreach v,$(GIVEN),'$(v)=$($(v))')

push: .venv/.setup $(RUN)/manifest.json ## publish: [RUN=folder] [REPO=owner/name]; only RUN/hub/ without HF_TOKEN
	@$(BIN)/rlaif push $(RUN) $(if $(REPO),--repo '$(REPO)')

label: .venv/.setup ## label pairs on a local page: [FILE=pairs], else the demo's
	@$(BIN)/rlaif label $(if $(FILE),$(FILE),$(DEMO_LABEL))

test: .venv/.train ## every test not marked gpu or live
	@$(BIN)/pytest -m "not gpu and not live" -n 2

test-fast: .venv/.setup ## no torch, no model, no browser
	@$(BIN)/pytest -m "not gpu and not live and not heavy and not slow" -n 2

lint: .venv/.train ## ruff, mypy --strict and the import contract
	@$(BIN)/ruff format --check rlaif tests
	@$(BIN)/ruff check rlaif tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench-judge: .venv/.setup ## the call engine against plain scripts, side by side
	@$(BIN)/python -m tests.bench.engine

bench-local: .venv/.setup ## the local judge against a plain loop: [DATA=folder] adds agreement
	@$(BIN)/python -m tests.bench.local $(DATA)

bench-guarantee: .venv/.setup ## how often the promise is broken, on pools with a known truth
	@$(BIN)/python -m tests.bench.guarantee

bench-curation: .venv/.setup ## fold and curate made-up runs of 10k, 100k and 1M pairs: [ROWS=n]
	@$(BIN)/python -m tests.bench.curation $(ROWS)

record-demo: .venv/.setup ## judge the demo set anew and record the answers
	@$(BIN)/rlaif record demo
