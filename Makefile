# Set up the environment, run the demo, the tests and the checks. After that, a user only needs plain snakemake
# commands: `source .venv/bin/activate`, then `snakemake --profile local ...`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY = 1
# Write .pyc files even if the environment forbids it: without them, every job compiles its imports again.
export PYTHONDONTWRITEBYTECODE =
# uv trusts its own certificate authorities by default; behind a company's proxy, only the system's work.
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL := help
.PHONY: help environment demo demo-answer demo-sd report test browser latex slurm-test full-size-test full-test bench calibrate-diagnosis gpu-test lint format lock docs demo-models demo-natural imagenet-prompts reference clean

help:  ## list what make can do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# The environment is rebuilt when the lock file changes. It contains the package in src/ as an editable install.
$(VENV)/.installed: envs/requirements.txt pyproject.toml
	@echo "Setting up $(VENV) from envs/requirements.txt (about 3 GB to download, 6 GB on disk; a minute or two) ..."
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) was not found. Use Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed, but $(PYTHON) is $$($(PYTHON) --version 2>&1). Use another: make PYTHON=python3.12 ..."; exit 1; }
	@case "$(CURDIR)" in *[[:space:]]*) echo "error: Snakemake cannot start jobs from a path with spaces: move $(CURDIR)"; exit 1;; esac
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "error: $(PYTHON) cannot create virtual environments; on Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv<1"
	@$(BIN)/uv pip sync --python $(BIN)/python --require-hashes --compile-bytecode envs/requirements.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

environment: $(VENV)/.installed  ## set up .venv: the locked packages and this repository's own

demo: $(VENV)/.installed  ## run the demo study and write its report
	@echo "Running the demo study: generation, embedding, 36 experiments, 21 training runs, figures (minutes on two cores) ..."
	@$(BIN)/snakemake --profile local
	@$(MAKE) --no-print-directory report
	@echo
	@echo "Done. Open:"
	@echo "  results/demo/report.html                   the report, for a browser"
	@echo "  results/demo/summary.html                  which training set to take, and why others fall short"
	@echo "  results/demo/tables/accounts.csv           where the accuracy of each training set is lost"
	@echo "  results/demo/tables/shortfalls.csv         which classes fall short, and what is known of them"
	@echo "  results/demo/tables/experiments.csv        the reference x query matrix"
	@echo "  results/demo/tables/centroid_distance.csv  the diversity of each set"
	@echo "  results/demo/tables/classifier_means.csv   classifier accuracy when trained on each set"
	@echo "  results/demo/figures/contact_sheet.png     images of every set, side by side"

demo-answer: $(VENV)/.installed  ## train what the demo leaves open: all combinations of settings, sizes, a swap check
	@echo "Running the demo's open questions: 27 training runs on its images and some more (minutes on two cores) ..."
	@$(BIN)/snakemake --profile local --configfile=config/demo_answer.yaml
	@$(BIN)/snakemake --profile local --configfile=config/demo_answer.yaml --report results/demo_answer/report.html --quiet
	@echo
	@echo "Done. Open:"
	@echo "  results/demo_answer/summary.html               the answers as text"
	@echo "  results/demo_answer/figures/accounts.png       where each training set's accuracy is lost"
	@echo "  results/demo_answer/tables/interventions.csv   what each change of a setting is worth"
	@echo "  results/demo_answer/tables/shortcut.csv        what generated classes lose beside natural ones"

demo-sd: $(VENV)/.installed  ## run the second paper's demo: prompt forms, multi-crop, transfer, features
	@echo "Running the second paper's demo: five prompt forms, 20 training runs, transfer, features (minutes on two cores) ..."
	@$(BIN)/snakemake --profile local --configfile=config/demo_sd.yaml
	@$(BIN)/snakemake --profile local --configfile=config/demo_sd.yaml --report results/demo_sd/report.html --quiet
	@echo
	@echo "Done. Open:"
	@echo "  results/demo_sd/report.html                    the report, for a browser"
	@echo "  results/demo_sd/tables/classifier_means.csv    classifier accuracy by prompt form and augmentation"
	@echo "  results/demo_sd/tables/transfer_means.csv      accuracy of linear probes on the features, on another task"
	@echo "  results/demo_sd/tables/feature_statistics.csv  sparsity, intra-class distance, redundancy, coding length"
	@echo "  results/demo_sd/tables/tradeoff.csv            diversity against semantic error"
	@echo "  results/demo_sd/tables/claims.csv              which claims of the two papers hold in this study"

# `--report` needs a separate call, after the figures exist.
report: results/demo/report.html  ## rewrite the demo's report

results/demo/report.html: $(wildcard results/demo/figures/*.png workflow/report/*.rst)
	@$(BIN)/snakemake --profile local --report $@ --quiet

# Tests run in parallel: one process per core, at most four, each with its share of the cores.
PYTEST = $(BIN)/python -m pytest
PARALLEL = --numprocesses logical --maxprocesses 4 --dist worksteal

browser:
	@command -v chromedriver >/dev/null || \
	  { command -v apt-get >/dev/null && test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq chromium chromium-driver >/dev/null; } || \
	  echo "note: without chromium and chromedriver the report is not tested in a browser (on Debian: apt-get install chromium chromium-driver)"

latex:
	@command -v pdflatex >/dev/null || \
	  { command -v apt-get >/dev/null && test "$$(id -u)" = 0 && apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends texlive-latex-base texlive-latex-recommended >/dev/null; } || \
	  echo "note: without pdflatex, LaTeX is not compiled (on Debian: apt-get install texlive-latex-recommended)"

test: $(VENV)/.installed browser  ## run the tests (minutes)
	@echo "Running the tests, including a small study from images to report (about 25 minutes on two cores) ..."
	@$(PYTEST) $(PARALLEL)

full-test: $(VENV)/.installed browser latex  ## run all tests, for a release (long)
	@$(PYTEST) $(PARALLEL) -m 'not slurm and not full_size'
	@$(MAKE) --no-print-directory full-size-test slurm-test docs

# ONLY="cancelled or memory" runs only the tests whose names match.
slurm-test: $(VENV)/.installed  ## run the tests on a private one-machine Slurm cluster (long: whole studies)
	@PATH="$$PATH:/usr/sbin"; command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null || \
	  { command -v apt-get >/dev/null && test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq slurm-wlm munge >/dev/null; } || \
	  { echo "error: Slurm and munge are needed; on Debian and Ubuntu: sudo apt-get install slurm-wlm munge"; exit 1; }
	@$(PYTEST) -m slurm tests/slurm -v $(if $(ONLY),-k "$(ONLY)")

full-size-test: $(VENV)/.installed  ## generate and embed an image with models of real size and random weights (8 GB of memory)
	@$(PYTEST) -m full_size tests/integration/test_full_size.py

bench: $(VENV)/.installed  ## benchmark metrics, training, generation, embedding, indexing, planning and many classes (an hour)
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/metrics.py
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/training.py
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/generation.py
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/embedding.py
	@$(BIN)/python benchmarks/indexing.py
	@$(BIN)/python benchmarks/planning.py
	@$(BIN)/python benchmarks/classes.py

# PHOTOGRAPHS and WEIGHTS add a folder of photographs and the weights of timm's tf_efficientnet_lite0.
calibrate-diagnosis: $(VENV)/.installed  ## plant deviations in images and count how often each cause is found (half an hour)
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/planted_causes.py $(if $(PHOTOGRAPHS),--photographs $(PHOTOGRAPHS) --weights $(WEIGHTS))

gpu-test: $(VENV)/.installed  ## run the tests that need a GPU, and time it against plain loops (minutes, with models of full size)
	@$(PYTEST) -m gpu -p no:xdist
	@$(BIN)/python benchmarks/gpu.py

lint: $(VENV)/.installed  ## check style, types and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/snakemake --profile local --lint

format: $(VENV)/.installed  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

lock: $(VENV)/.installed  ## update envs/requirements.txt from envs/requirements.in
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate \
	  --custom-compile-command "make lock" --quiet --output-file envs/requirements.txt envs/requirements.in envs/development.in
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate \
	  --custom-compile-command "make lock" --quiet --constraint envs/requirements.txt --output-file envs/docs.txt envs/docs.in
	sed -i "s/^# lock: .*/# lock: $$(sha256sum < envs/requirements.txt | cut -c1-16)/" envs/synthdiv.yaml

reference: $(VENV)/.installed  ## update the reference pages of config keys and of tables, and the config's JSON Schema
	$(BIN)/python -m synthdiv.config.reference_docs config
	$(BIN)/python -m synthdiv.catalog.reference_page docs/reference/tables.md

# Only this target adds Sphinx to the environment.
$(VENV)/.docs: envs/docs.txt $(VENV)/.installed
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --require-hashes --requirements envs/docs.txt
	@touch $@

docs: $(VENV)/.docs  ## build the documentation as a site; a warning is an error
	@rm -rf build/site build/doctrees docs/reference/api
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs/site --doctree-dir build/doctrees . build/site
	@echo "The site is in build/site: open build/site/index.html"

demo-natural: $(VENV)/.installed  ## rebuild the demo's natural images from Fashion-MNIST
	$(BIN)/python resources/demo/training/build_natural.py

imagenet-prompts: $(VENV)/.installed  ## rebuild ImageNet's class table and ambiguous classes from timm and WordNet
	@test -f /usr/share/wordnet/data.noun || \
	  { echo "error: WordNet is needed; on Debian and Ubuntu: sudo apt-get install wordnet-base"; exit 1; }
	$(BIN)/python resources/prompts/imagenet/making/build_classes.py
	$(BIN)/python resources/prompts/imagenet/making/find_ambiguous.py

demo-models: $(VENV)/.installed  ## retrain the demo's models (about two hours on two cores)
	$(BIN)/python resources/demo/training/build_models.py

clean:  ## remove the demo's results (generated images stay in archive/)
	rm -rf results/demo
