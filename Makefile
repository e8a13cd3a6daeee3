# Every task is one word; `make` lists them. They use the Python environment that is active.

.DEFAULT_GOAL := help
.PHONY: help build test rust lint format bench check workflow

help: ## List the tasks
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## Install the package, editable and optimised, with all extras
	pip install 'maturin>=1.9.4,<2'
	maturin develop --release --extras bench,cli,lint,test

test: ## Python tests and doctests of the installed package
	python -m pytest

rust: ## Rust tests
	cargo test --no-default-features

lint: ## Formatters, linters, type checker and stubs, changing nothing
	ruff format --check .
	ruff check .
	mypy
	stubtest logitkit._native
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

format: ## Format Python and Rust
	ruff format .
	ruff check --fix .
	cargo fmt

bench: ## Measure arrays in cache; see benches/README.md for the rest
	python -m pytest benches

check: ## Everything above in fresh environments, as on a clean clone
	.ci/run

workflow: ## Make the wheels workflow anew from pyproject.toml
	maturin generate-ci github | sed -f .github/pins.sed > .github/workflows/wheels.yml
