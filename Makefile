# Every target sets up .venv by itself. `make help` lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
HOME_DIR ?= .c360
CUSTOMERS ?= 2000
N ?= 25
UV_VERSION := 0.13.8
BIN := .venv/bin
BIN_EMULATOR := .venv-emulator/bin
JUDGES := zenpy tap-zendesk tap-klaviyo airbyte

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-bigquery judges chaos dev docs check format bench clean lock

help:  ## Explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready  ## Create .venv with the locked versions (all other targets do this by themselves)

.venv/.ready: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: .venv/.ready  ## The whole loop on a synthetic shop: sandbox, ingest, models, pushes, read-back (CUSTOMERS=2000)
	$(BIN)/c360 demo --customers $(CUSTOMERS) --home $(HOME_DIR)

test: .venv/.ready  ## Run the tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-bigquery: .venv/.ready .venv-emulator/.ready  ## Run the whole platform against a BigQuery emulator, set up in .venv-emulator
	WIRE_TESTS=1 $(BIN)/python -m pytest tests/warehouse/wire --durations=10

# The extensions come as wheels; DuckDB looks for them in the emulator's home and checks their signatures.
.venv-emulator/.ready: tests/warehouse/emulator/requirements.lock .venv/.ready
	@test -x $(BIN_EMULATOR)/python || $(BIN)/python -m venv .venv-emulator
	$(BIN)/uv pip sync --quiet --python $(BIN_EMULATOR)/python tests/warehouse/emulator/requirements.lock
	@mkdir -p .venv-emulator/home
	@cd .venv-emulator && HOME="$$PWD/home" bin/python -c \
		"from duckdb_extensions import import_extension; [import_extension(name) for name in ('spatial', 'avro')]"
	@touch $@

judges: .venv/.ready $(JUDGES:%=.venv-judges-%/.ready)  ## Let unmodified third-party clients read the sandbox and compare
	$(BIN)/python -m tests.judges

# A judge that does not install is missing from the run, which says so and fails.
.venv-judges-%/.ready: tests/judges/requirements/%.lock .venv/.ready
	@test -x .venv-judges-$*/bin/python || $(BIN)/python -m venv --without-pip .venv-judges-$*
	@$(BIN)/uv pip sync --quiet --python .venv-judges-$*/bin/python $< && touch $@ || echo "$* does not install"

chaos: .venv/.ready  ## Run the sync engine through N random worlds of faults and kills (N=500 SEED=123)
	$(BIN)/python -m tests.chaos $(N) $(if $(SEED),--seed $(SEED))

dev: .venv/.ready  ## Open the Dagster UI against a running sandbox and a filled warehouse
	$(BIN)/c360 dev --home $(HOME_DIR)

docs: .venv/.ready  ## Write dbt's documentation of the home's warehouse as one file
	@C360_WAREHOUSE_PATH="$(abspath $(HOME_DIR))/warehouse.duckdb" $(BIN)/dbt --quiet docs generate --static \
		--project-dir dbt_project --profiles-dir dbt_project --target-path "$(abspath $(HOME_DIR))/docs" --log-path "$(abspath $(HOME_DIR))/docs"
	@echo "open $(abspath $(HOME_DIR))/docs/static_index.html"

check: .venv/.ready  ## Lint, format check and types over all Python; all SQL by a linter and by BigQuery's analyser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for engine in duckdb bigquery; do C360_DBT_TARGET=$$engine \
		$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar --dialect $$engine dbt_project || exit 1; done
	$(BIN)/c360 check-sql

format: .venv/.ready  ## Format all Python
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.ready  ## Print what the platform costs, as ratios to a floor measured in the same run
	$(BIN)/c360 bench

clean:  ## Remove what builds and runs left behind (not .venv, not the home)
	rm -rf dbt_project/target dbt_project/logs logs .pytest_cache .hypothesis .mypy_cache .ruff_cache build *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

lock: .venv/.ready  ## Resolve pyproject.toml anew into requirements.lock and deploy/requirements.lock
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 \
		--no-header --annotation-style line --upgrade --output-file requirements.lock
	$(BIN)/uv pip compile --quiet tests/warehouse/emulator/requirements.in --universal --python-version 3.11 \
		--no-header --annotation-style line --upgrade --output-file tests/warehouse/emulator/requirements.lock
	for judge in $(JUDGES); do $(BIN)/uv pip compile --quiet tests/judges/requirements/$$judge.in --universal \
		--python-version 3.11 --no-header --annotation-style line --upgrade \
		--output-file tests/judges/requirements/$$judge.lock; done
	$(BIN)/uv pip compile --quiet pyproject.toml --extra kubernetes --universal --python-version 3.11 \
		--no-header --annotation-style line --constraint requirements.lock --output-file deploy/requirements.lock
