# Everything runs in the locked environment, which the first target builds. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo test lint docs test-colcon test-mmdet3d bench lock clean
env := ./tools/bootstrap

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\): .*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-13s %s\n' "$$name" "$$text"; done

demo: ## a drive, a named car tracked in it by ROS 2 nodes, and a report (no network)
	@./mmp demo $(ARGS)

test: lint ## lint and all tests; ARGS='-k sam2' goes to pytest
	@$(env) python -m pytest $(ARGS)

lint: ## ruff, formatting, types
	@$(env) ruff check .
	@$(env) ruff format --check .
	@$(env) mypy

docs: ## build the site: docs/_build/index.html (no network)
	@$(env) python -m sphinx -q -W --keep-going -b html docs docs/_build $(ARGS)
	@echo "docs/_build/index.html"

test-colcon: ## build and use the colcon workspace (colcon from PyPI; about two minutes)
	@MMP_TEST_COLCON=1 $(env) python -m pytest test/setup/test_colcon.py $(ARGS)

test-mmdet3d: ## build the extra mmdet3d (once, 10 minutes or more) and test its plugin
	@$(env) --extra mmdet3d python -m pytest test/plugins -k mmdet3d $(ARGS)

bench: ## side-by-side benchmarks, results as JSON in bench/results
	@$(env) python -m bench $(ARGS)

lock: ## renew uv.lock after a change of dependencies
	@$(env) --uv lock $(ARGS)

clean: ## remove what builds and tests leave in the checkout (environments stay in the cache)
	rm -rf build install log dist ./*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
