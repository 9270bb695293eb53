# Two commands do everything on a fresh machine: make demo, make test. `make check` is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := demo,dev,litert,trainer

.PHONY: demo test check format clean

demo: $(VENV)/ready
	$(BIN)/edgepose demo --out out/demo

test: $(VENV)/ready
	$(BIN)/python -m pytest

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS)]'
	touch $@

clean:
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .hypothesis
