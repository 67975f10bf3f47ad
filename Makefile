# The verbs: setup  lint  test  records  site  serve  upgrade
# TORCH= names another torch, as pip reads it: make site TORCH="torch==2.13.0 --index-url https://…/cpu"

PYTHON ?= python3
TORCH ?= torch==2.13.0
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt
NOISE := NO_MKDOCS_2_WARNING=1

.PHONY: help setup lint test records site serve upgrade chromium

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

# ---- environments: each stamp is one set of packages, newest of its files

.venv/bin/python:
	$(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade pip

.venv/.site: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing what pages need: about 30 MB to download."
	@$(PIP) -e ".[site]"
	@touch $@

.venv/.train: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing what programs need: about 350 MB to download with a CPU build of torch, 3 GB with a CUDA build."
	@echo "For another torch: make $(MAKECMDGOALS) TORCH=\"…\", a wheel's path or what pip takes."
	@$(PIP) $(TORCH)
	@$(PIP) -e ".[site,train,models]"
	@touch .venv/.site $@

.venv/.test: pyproject.toml constraints.txt .venv/.train
	@echo "Installing what tests need: about 200 MB to download."
	@$(PIP) -e ".[site,train,models,test]"
	@touch $@

chromium: # any Chromium or Chrome will do
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$name && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-core >/dev/null; \
	else echo "A Chromium is needed; install one with: sudo apt-get install -y chromium" >&2; exit 2; fi

# ---- the verbs

setup: .venv/.test chromium ## everything a developer needs

site: .venv/.site ## measure what is stale, draw, build site/ strictly, check every number in it
	@$(PY) -m lora_ref.site run --dry-run || { $(MAKE) --no-print-directory .venv/.train chromium && $(PY) -m lora_ref.site run && $(PY) -m lora_ref.site figures; }
	@$(NOISE) $(PY) -m mkdocs build --strict --quiet
	@$(PY) -m lora_ref.site gate site
	@echo "Built site/. Open it with: make serve, or: $(PY) -m http.server --directory site"

serve: .venv/.site ## the pages at http://127.0.0.1:8000, reloaded as you write
	@$(NOISE) $(PY) -m mkdocs serve --livereload

lint: .venv/.test ## format, types, and the site's own rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/pyright
	@$(PY) -m lora_ref.site lint

test: .venv/.test chromium ## everything that must hold
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/pyright
	@$(PY) -m lora_ref.site lint
	@$(PY) -m lora_ref.site check --turn "$$(git rev-parse HEAD 2>/dev/null)"
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal

records: .venv/.train ## run every program again, beside the records, and report drift
	@$(PY) -m lora_ref.site records

upgrade: .venv/.test ## try the newest packages: which records would move?
	@rm -rf .venv-upgrade && $(PYTHON) -m venv .venv-upgrade
	@.venv-upgrade/bin/python -m pip install --quiet --upgrade -e ".[train,models]"
	@.venv-upgrade/bin/python -m pip freeze --exclude-editable > .venv-upgrade/newest.txt
	@diff -U0 constraints.txt .venv-upgrade/newest.txt | grep '^[-+][a-z]' || true
	@.venv-upgrade/bin/python -m lora_ref.site check --budget 3600
