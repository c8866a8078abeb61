"""Compile a spec to a program, and a program to modules or source text: see `docs/design.md`.

`lower.py` makes a program of each network, and `check.py` compares its counts with those that the
spec's report claims. `evaluate.py` makes modules of a program, and `printer.py` the source of a
class; `layout.py` gives both the same attribute names. `emit.py` writes a whole file for training:
`moving.py` gathers the source of each function, class and constant that the file needs. To that
end, `lookup.py` finds the source, `specialize.py` removes branches that the spec's settings rule
out, and `transcription.py` replaces names. `arrange.py` inlines short functions and sorts the texts
into sections, and `verification.py` checks that constants have the same values as in users' own
files.
"""
