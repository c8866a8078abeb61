"""Write plain data as YAML that the language reads back."""

from __future__ import annotations

import yaml

from ganspec.language.source import Loader


class _Dumper(yaml.SafeDumper):
    """A writer that quotes only what the reader would not read as text: `1e-4`, but not `no`."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


def dump(data: object) -> str:
    """Return `data` as YAML in its own order, innermost maps and lists on one line."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)
