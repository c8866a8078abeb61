"""From a spec to a program, and from a program to modules or source: see `docs/design.md`."""
