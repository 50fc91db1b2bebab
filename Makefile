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
OWN := INPUT JUDGE MODEL AGAINST OUT RECIPE PYTHON ARGS DATA RUN LABELS REPO LICENSE FILE ROWS DEMO_LABEL
GIVEN := $(foreach v,$(filter-out $(OWN),$(.VARIABLES)),$(if $(filter command line,$(origin $(v))),$(v)))

.PHONY: help setup generate demo merge label train-rm train-prm evaluate report push test test-fast lint bench-judge bench-local bench-train bench-quality bench-guarantee bench-curation bench-evaluation bench-intervals bench-report record-demo
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

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
	@echo "Ready. Next: make generate; or: source .venv/bin/activate, then rlaif --help"

generate: .venv/.setup ## judge a dataset: [INPUT=file] [RECIPE=name] [JUDGE=card] [KEY=value ...]
	@$(BIN)/rlaif run $(RECIPE) $(ARGS) $(foreach v,$(GIVEN),'$(v)=$($(v))')

$(RUN)/manifest.json:
	@test "$(RUN)" = outputs/demo || { echo "$(RUN): no finished run there. Make one first: \
	make generate INPUT=pairs.jsonl (then RUN=outputs/demo), or .venv/bin/rlaif judge pairs.jsonl --out $(RUN)"; exit 2; }
	@$(BIN)/rlaif run demo

merge: .venv/.setup $(RUN)/manifest.json ## merge judge and people: [RUN=folder] [LABELS=file] [KEY=VALUE ...]
	@$(BIN)/rlaif curate $(RUN) $(if $(LABELS),--labels '$(LABELS)') $(foreach v,$(GIVEN),'$(v)=$($(v))')

push: .venv/.setup $(RUN)/manifest.json ## publish: [RUN=folder] [REPO=owner/name] [LICENSE=name]; only RUN/hub/ without HF_TOKEN
	@$(BIN)/rlaif push $(RUN) $(if $(REPO),--repo '$(REPO)') $(if $(LICENSE),--license '$(LICENSE)')

report: .venv/.setup $(RUN)/manifest.json ## one HTML page about a run: [RUN=folder]
	@$(BIN)/rlaif report $(RUN)

label: .venv/.setup ## label pairs on a local page: [FILE=pairs], else the demo's
	@$(BIN)/rlaif label $(if $(FILE),$(FILE),$(DEMO_LABEL))

evaluate: .venv/.setup ## figures against labels: [MODEL=folder or judge] [FILE=pairs] [AGAINST=model] [OUT=folder]
	@$(if $(MODEL),,test -f outputs/demo/manifest.json || $(BIN)/rlaif run demo)
	@$(BIN)/rlaif evaluate '$(or $(MODEL),outputs/demo)' $(or $(FILE),demo) --out '$(or $(OUT),outputs/evaluation)' $(if $(AGAINST),--against '$(AGAINST)')

train-rm: .venv/.train ## a reward model: [DATA=run or file] [KEY=VALUE ...], else from the demo
	@$(if $(DATA),,test -f outputs/demo/manifest.json || $(BIN)/rlaif run demo)
	@$(BIN)/rlaif train rm '$(or $(DATA),outputs/demo)' $(foreach v,$(GIVEN),'$(v)=$($(v))')

train-prm: .venv/.train ## a process reward model: [DATA=solutions] [KEY=VALUE ...], else on made-up sums
	@$(BIN)/rlaif train prm '$(or $(DATA),arithmetic)' $(if $(DATA),,layers=12 lora.dropout=0) $(foreach v,$(GIVEN),'$(v)=$($(v))')

demo: .venv/.train ## all of it on the embedded sample: judge, merge, train, evaluate, report
	@$(BIN)/rlaif run demo
	@$(BIN)/rlaif train rm outputs/demo
	@$(BIN)/rlaif train prm arithmetic layers=12 lora.dropout=0
	@$(BIN)/rlaif evaluate outputs/demo/reward_model demo:1 --without outputs/demo --out outputs/demo
	@$(BIN)/rlaif evaluate outputs/arithmetic/process_reward_model arithmetic:1 --limit 200 --out outputs/arithmetic/evaluation
	@$(BIN)/rlaif report outputs/demo outputs/arithmetic outputs/arithmetic/evaluation

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

bench-train: .venv/.train ## training and scoring speed beside TRL: [DATA="files of labelled pairs"]
	@$(BIN)/python -m tests.bench.train $(DATA)

bench-quality: .venv/.train ## what trained models are worth on human labels, beside TRL: DATA=folder
	@OMP_NUM_THREADS=1 nice -n 5 $(BIN)/python -m tests.bench.quality $(DATA)

bench-guarantee: .venv/.setup ## how often the promise is broken, on pools with a known truth
	@$(BIN)/python -m tests.bench.guarantee

bench-curation: .venv/.setup ## fold and curate made-up runs of 10k, 100k and 1M pairs: [ROWS=n]
	@$(BIN)/python -m tests.bench.curation $(ROWS)

bench-evaluation: .venv/.setup ## figures of 10,000 made-up pairs beside their goal of 60 s
	@$(BIN)/python -m tests.bench.evaluation

bench-intervals: .venv/.setup ## how often an interval holds the truth, on data with a known one
	@nice -n 10 $(BIN)/python -m tests.bench.intervals

bench-report: .venv/.setup ## build and open the report of made-up runs of 10k and 50k rows: [ROWS=n]
	@$(BIN)/python -m tests.bench.report $(ROWS)

record-demo: .venv/.setup ## judge the demo set anew and record the answers
	@$(BIN)/rlaif record demo
