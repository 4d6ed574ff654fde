# The whole life of a checkout: make run, make quick, make test, make soak, make check, make bench, make docs.
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
# Tests start dozens of Pythons, which need not compile everything anew each time.
export PYTHONDONTWRITEBYTECODE =
WORKERS ?= logical
TESTS := $(BIN)/python -m pytest -n $(WORKERS)
# What a slip in the software breaks first: contracts, identities, what people hold, the direction of imports.
QUICK := $(addprefix tests/,$(addprefix core/test_,before.py config.py contracts_*.py layering.py objective_maths.py) ui/test_imports.py)

.PHONY: run test quick soak check bench docs clean

run: $(VENV)/.run
	$(BIN)/streamlit run app.py --server.port=$(PORT)

test: $(VENV)/.dev chromium check
	$(TESTS)

# After a change, in a minute and a half: no browser, nothing that takes long.
quick: check
	$(TESTS) -m "not slow" $(QUICK)

# Everything, and what is about chance, deaths and endurance as often as it takes to be sure.
soak: $(VENV)/.dev chromium check
	SOAK=1 $(TESTS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.dev chromium
	$(BIN)/python -m benchmarks

# The reference pages, from the code: after a change of a kind, a knob or a measurement.
docs: $(VENV)/.dev
	$(BIN)/python -m tests.make_docs

# Chromium comes from the system's package manager where we may use it. Without it the browser tests skip, or fail with CI set.
.PHONY: chromium
chromium:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	fi

$(VENV)/.run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-extra.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
