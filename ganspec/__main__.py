"""`python -m ganspec`."""

from ganspec.cli import run

run()
