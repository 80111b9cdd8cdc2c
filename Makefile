# Verbs: demo, test, lint, docs, floors, bench, rivals. Each makes its own virtual environment first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

.PHONY: demo test lint docs floors bench rivals clean
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

clean:
	rm -rf $(VENV) $(VENV)-floors $(VENV)-rivals .mypy_cache .pytest_cache .ruff_cache build dist
