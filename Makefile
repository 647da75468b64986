# Two commands do everything: `make demo` tracks a real video, `make test` checks the project.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3,$(if $(shell command -v $(p)),$(p))))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-all dev lint clean

demo: $(VENV)/.runtime
	$(BIN)/biohuman demo

test: $(VENV)/.test lint
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/.test lint
	$(BIN)/python -m pytest

# Everything that installs without a GPU.
dev: $(VENV)/.test

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[labels,cluster,train,video,body,nvidia,dev]"
	$(PIP) --no-deps tensorrt-stubs==10.13.0.35.1 # with its dependencies it would fetch TensorRT itself
	touch $@ $(VENV)/.runtime

clean:
	rm -rf $(VENV)
