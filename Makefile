# make demo                                   the whole workflow on a made data set: install, run, report
# make quick VIDEOS=/path/UCF-101 LISTS=/path/ucfTrainTestlist     the same on real clips, with a small network
# make doctor                                 what this machine has and lacks for the paper (CONFIG=config/hmdb51.yaml: for that)
# make plan                                   what a run will cost: jobs, hours, disk (CONFIG=my.yaml PROFILE=slurm TARGET=tune)
# make test                                   install what tests need, and run them all
# make test-browser                           the report's page in a real browser (chromium, java, npm; SHOTS=/path: keep its pictures)
# make test-slurm                             the workflow on a real Slurm of one node: installs, starts and stops it (Debian, root)
# make test-conda                             the workflow with --use-conda, by a stand-in for conda (needs a package index)
# make benchmark                              measure (CLIPS=/path/UCF-101: on real clips)
# make clean                                  remove what demo and quick made; the paper's results stay
# make lock                                   resolve requirements*.in anew
# The paper itself: . .venv/bin/activate && snakemake --cores all

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CORES ?= all
export PYTHONPATH := $(CURDIR)/src

.PHONY: demo quick doctor plan test test-browser test-slurm test-conda lint test-real benchmark lock environment clean
.DEFAULT_GOAL := demo

environment: $(VENV)/.installed

$(VENV)/.installed: requirements.txt requirements-installer.txt
	@scripts/install.sh $(PYTHON) $(VENV) requirements.txt
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.txt
	@scripts/install.sh $(PYTHON) $(VENV) requirements.txt requirements-test.txt
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/python scripts/run_workflow.py --configfile config/demo.yaml --cores $(CORES)

quick: $(VENV)/.installed
	@test -n "$(VIDEOS)" -a -n "$(LISTS)" || { echo "error: say where UCF-101 is: make quick VIDEOS=/path/UCF-101 LISTS=/path/ucfTrainTestlist" >&2; exit 2; }
	@$(BIN)/python scripts/run_workflow.py --configfile config/quick.yaml --cores $(CORES) --videos "$(VIDEOS)" --lists "$(LISTS)"

# Without an environment, with what there is: it may be the network or the disk that is lacking.
doctor:
	@$$(test -e $(VENV)/.installed && echo $(BIN)/python || echo $(PYTHON)) scripts/doctor.py $(if $(CONFIG),--configfile $(CONFIG)) || test $$? = 1

# On a login node without our environment, with the Snakemake that there is.
plan:
	@python=$$(test -e $(VENV)/.installed && echo $(BIN)/python || echo $(PYTHON)); \
	$$python -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('snakemake') is None)" || { echo "error: $$python has no snakemake: make environment, or activate the environment that has it" >&2; exit 2; }; \
	$$python scripts/plan.py $(TARGET) $(if $(PROFILE),--profile $(PROFILE)) $(if $(CONFIG),--configfile $(CONFIG))

test: lint
	$(BIN)/python -m pytest

test-browser: $(VENV)/.installed-test
	$(if $(SHOTS),BROWSER_SHOTS="$(abspath $(SHOTS))" )$(BIN)/python -m pytest -rs tests/browser

test-slurm: $(VENV)/.installed-test
	$(BIN)/python -m pytest -rs tests/slurm

test-conda: $(VENV)/.installed-test
	$(BIN)/python -m pytest -rs tests/conda

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow
	$(BIN)/mypy
	$(BIN)/snakemake --lint

benchmark: $(VENV)/.installed-test
	$(BIN)/python scripts/benchmark.py $(if $(CLIPS),--clips "$(CLIPS)")

lock:
	for name in requirements requirements-test requirements-installer; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet $$name.in -o $$name.txt; done

clean:
	rm -rf results/demo results/quick results/quick-folders.yaml logs/demo logs/quick resources/demo
