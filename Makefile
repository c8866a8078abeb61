# Everything runs in .venv, which the first target makes; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint suite generated site clean

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

demo: .venv/ready
	$(BIN)/python examples/demo.py

# The check of types takes minutes of one core; the tests run meanwhile.
test: .venv/ready
	$(MAKE) --no-print-directory --jobs=2 lint suite

lint: .venv/ready
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

suite: .venv/ready
	$(BIN)/python -m pytest -n auto --dist worksteal

generated: .venv/ready
	$(BIN)/ganspec build specs/*.yaml
	$(BIN)/ganspec schema -o generated/ganspec.schema.json
	$(BIN)/python docs/write_language.py > docs/language.md
	$(BIN)/python docs/write_swaps.py > docs/swaps.md
	$(BIN)/python docs/write_gallery.py > docs/gallery.md

site: .venv/ready
	$(BIN)/python docs/write_site.py build/pages
	$(BIN)/zensical build --strict --clean
	@echo "look at build/site/index.html"

clean:
	rm -rf .venv build dist .cache *.egg-info
