# The verbs: setup  lint  test  records  site  serve  upgrade
# TORCH= names another torch, as pip reads it: make site TORCH="torch==2.13.0 --index-url https://…/cpu"

PYTHON ?= python3
TORCH ?= torch==2.13.0
PY := .venv/bin/python
PIP := PYTHONWARNINGS=ignore $(PY) -m pip install --quiet --disable-pip-version-check -c .venv/constraints.txt
NOISE := NO_MKDOCS_2_WARNING=1

.PHONY: help setup lint test records site serve upgrade chromium
.DELETE_ON_ERROR:

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16
	@echo; echo '  TORCH="…" names another torch, as pip reads it; README.md says when you want one.'

# $(call debian,what is missing,its packages,their size): root installs through apt; anybody else is told the line to run
debian = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "Installing $(1): about $(3) MB to download."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
	else echo "expected $(1), found none; install it, on Debian with: sudo apt-get install -y $(2)" >&2; exit 2; fi

# ---- environments: each stamp is one set of packages, newest of its files

.venv/bin/python:
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || { $(call debian,Python with venv,python3-venv,10); }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	{ echo "expected Python 3.11 or later, got $$($(PYTHON) -V); name another one: make $(MAKECMDGOALS) PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade pip

.venv/constraints.txt: constraints.txt | .venv/bin/python
	@grep -v '^torch==' $< > $@ # which torch, TORCH says

.venv/.site: pyproject.toml .venv/constraints.txt
	@echo "Installing what pages need: about 50 MB to download."
	@$(PIP) -e ".[site]"
	@touch $@

.venv/.train: pyproject.toml .venv/constraints.txt
	@echo "Installing what programs need: about 340 MB to download with a CPU build of torch, 2.9 GB with a CUDA build."
	@echo "For another torch, stop and add TORCH=\"…\": a wheel's path, or what pip takes."
	@$(PIP) $(TORCH)
	@$(PIP) -e ".[site,train,models]"
	@touch .venv/.site $@

.venv/.test: .venv/.train
	@echo "Installing what tests need: about 120 MB to download."
	@$(PIP) -e ".[site,train,models,test]"
	@touch $@

# Any Chromium or Chrome will do. Playwright drives it with a Node of its own, which wants libatomic.
chromium: .venv/.train
	@for name in chromium chromium-browser google-chrome google-chrome-stable chrome msedge; do \
	  command -v $$name >/dev/null && .venv/bin/playwright --version >/dev/null 2>&1 && exit 0; done; \
	$(call debian,a Chromium and libatomic,chromium libatomic1 fonts-noto-core,210)

# ---- the verbs

setup: .venv/.test chromium ## install everything that a developer needs

site: .venv/.site ## measure what is stale, draw, build site/ strictly, check every number in it
	@$(PY) -m lora_ref.site run --dry-run; case $$? in 0) ;; \
	3) $(MAKE) --no-print-directory chromium && $(PY) -m lora_ref.site run ;; *) exit 2 ;; esac
	@$(PY) -m lora_ref.site figures 2>/dev/null || \
	{ $(MAKE) --no-print-directory chromium && $(PY) -m lora_ref.site figures; }
	@$(NOISE) $(PY) -m mkdocs build --strict
	@$(PY) -m lora_ref.site pack site
	@$(PY) -m lora_ref.site gate site
	@echo "Built site/. Open it with: make serve, or: $(PY) -m http.server --directory site"

serve: .venv/.site ## show the pages at http://127.0.0.1:8000, reloaded as you write
	@$(NOISE) $(PY) -m mkdocs serve --livereload

lint: .venv/.test ## check format, types, and the site's own rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/pyright
	@$(PY) -m lora_ref.site lint

test: lint chromium ## check everything that must hold
	@$(PY) -m lora_ref.site check --turn "$$(git rev-parse HEAD 2>/dev/null)"
	@$(PY) -m pytest -m alone --durations=0
	@OMP_NUM_THREADS=1 $(PY) -m pytest -m "not alone" -n 2 --dist worksteal

records: .venv/.train ## run every program again, beside the records, and report drift
	@$(PY) -m lora_ref.site records

upgrade: ## try the newest packages: which records would move?
	@echo "Installing the newest packages in .cache/upgrade: up to 3 GB to download."
	@$(PYTHON) -m venv --clear .cache/upgrade
	@.cache/upgrade/bin/python -m pip install --quiet --upgrade $(if $(filter file,$(origin TORCH)),torch,$(TORCH))
	@.cache/upgrade/bin/python -m pip install --quiet --upgrade -e ".[train,models]"
	@.cache/upgrade/bin/python -m pip freeze --exclude-editable | awk -F== \
	  'NR == FNR { old[$$1] = $$2; next } old[$$1] && old[$$1] != $$2 { print $$1, old[$$1], "→", $$2 }' constraints.txt -
	@.cache/upgrade/bin/python -m lora_ref.site check --budget 3600
