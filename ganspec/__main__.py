"""Run the command line as `python -m ganspec`."""

from ganspec.cli import run

run()
