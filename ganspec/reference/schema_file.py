"""The schema as a file in the folder of specs, where editors find it offline."""

from __future__ import annotations

import json
from pathlib import Path

from ganspec.atomic import write_text
from ganspec.reference.schema import WRITTEN, schema

SCHEMA_NAME = "ganspec.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA_NAME}\n"  # first line of a new spec


def schema_text() -> str:
    """Return the schema of specs as the text of a JSON file."""
    return json.dumps(schema(), indent=1) + "\n"


def is_schema(path: Path) -> bool:
    """Return True if the file is a schema that ganspec wrote, so that it may be replaced."""
    with path.open("rb") as file:
        return WRITTEN.encode() in file.read(400)


def write_beside(spec: Path) -> Path | None:
    """Write the schema into the folder of `spec`, unless a file of its name is there.

    Return the schema's path; None if nothing was written.
    """
    target = spec.with_name(SCHEMA_NAME)
    if target.exists():
        return None
    write_text(target, schema_text())
    return target
