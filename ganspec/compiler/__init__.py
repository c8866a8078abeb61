"""Compile a spec to a program, and a program to modules or source text: see `docs/design.md`.

`lower.py` makes programs, `check.py` compares them with the spec's claims. `evaluate.py` makes
modules of a program, `printer.py` classes; both follow `layout.py`. `emit.py` writes a file:
`moving.py` gathers texts (found by `lookup.py`, settled by `specialize.py`, rewritten by
`rewrite.py`), `arrange.py` shortens and orders them, `verification.py` compares their values.
"""
