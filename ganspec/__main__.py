"""`python -m ganspec`."""

from ganspec.cli import app

app(prog_name="ganspec")
