# Verbs: demo, test, lint, docs, floors, bench, rivals. Each makes its own virtual environment first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

.PHONY: demo test lint docs floors bench rivals fuzz fuzz-coverage attacks faults stress skew clean
demo: $(VENV)/ready
	$(BIN)/sqlite-ml-vtab demo

test: $(VENV)/ready
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Runs every block and every example, writes results and reference tables into the pages, and checks the rest.
docs: $(VENV)/ready
	$(BIN)/python tests/docs/pages.py
	$(BIN)/python -m pytest tests/docs

# The tests with the oldest releases that pyproject.toml allows.
floors:
	$(PYTHON) -m venv $(VENV)-floors
	$(VENV)-floors/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-floors/bin/python -m pip install --quiet --constraint floors.txt --editable . --group dev
	$(VENV)-floors/bin/python -m pytest -n auto

bench: $(VENV)/ready
	$(BIN)/python benchmarks/run.py

# The others that predict in or beside SQLite, each in an environment of its own.
rivals: $(VENV)/ready
	$(BIN)/python benchmarks/rivals_speed.py

SEED ?= 0
fuzz: SIZE ?= 10000
fuzz: $(VENV)/ready
	$(BIN)/python campaigns/fuzz/models.py --size $(SIZE) --seed $(SEED)
	$(BIN)/python campaigns/fuzz/text.py declarations --size $$(( $(SIZE) * 10 )) --seed $(SEED)
	$(BIN)/python campaigns/fuzz/text.py inputs --size $$(( $(SIZE) * 10 )) --seed $(SEED)

# The readers of bytes, JSON and declarations under atheris, which follows what is reached.
fuzz-coverage: SECONDS ?= 480
fuzz-coverage:
	$(PYTHON) -m venv $(VENV)-atheris
	$(VENV)-atheris/bin/python -m pip install --quiet --editable . atheris
	$(VENV)-atheris/bin/python campaigns/fuzz/coverage.py --seconds $(SECONDS) --seed $(SEED)

# The same attacks on pickle, joblib, skops and ONNX Runtime: the table of docs/security.md.
attacks:
	$(PYTHON) -m venv $(VENV)-attacks
	$(VENV)-attacks/bin/python -m pip install --quiet --editable . skops joblib
	$(VENV)-attacks/bin/python campaigns/fuzz/attacks.py

faults: SIZE ?= 4000
faults: $(VENV)/ready
	$(BIN)/python -m campaigns.faults --size $(SIZE) --seed $(SEED)

stress: SIZE ?= 240
stress: $(VENV)/ready
	$(BIN)/python -m campaigns.stress --seconds $(SIZE) --seed $(SEED)

# Databases written under older releases of scikit-learn, and read under today's.
skew: $(VENV)/ready
	$(BIN)/python campaigns/skew/run.py --write

clean:
	rm -rf $(VENV) $(VENV)-* .mypy_cache .pytest_cache .ruff_cache build dist
