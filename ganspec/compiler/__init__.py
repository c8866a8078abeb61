"""Compile a spec to a program, and a program to modules or source text: see `docs/design.md`.

`lower.py` makes programs, and `check.py` compares them with the spec's claims. `evaluate.py` makes
modules of a program and `printer.py` makes classes; both follow `layout.py`. `emit.py` writes a
file: `moving.py` gathers texts, which `lookup.py` finds, `specialize.py` settles and `rewrite.py`
rewrites. `arrange.py` shortens and orders them, and `verification.py` compares their values.
"""
