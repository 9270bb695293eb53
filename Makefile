# Two commands do everything on a fresh machine: make demo, make test. `make check` is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The tests train as well. Other versions of PyTorch may bring gigabytes of CUDA along.
TORCH := torch==2.13.0

.PHONY: demo test check format clean

demo: $(VENV)/ready
	$(BIN)/edgepose demo --out out/demo

test: $(VENV)/ready-to-test
	$(BIN)/python -m pytest

check: $(VENV)/ready-to-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/ready-to-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo,litert]'
	touch $@

$(VENV)/ready-to-test: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --editable '.[demo,dev,litert,mocap,trainer]' '$(TORCH)'
	touch $@

clean:
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .hypothesis
