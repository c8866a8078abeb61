"""Plain data to the YAML that the language's own reader reads back."""

from __future__ import annotations

import yaml

from ganspec.language.source import Loader


class _Dumper(yaml.SafeDumper):
    """Quotes what the reader would take for something else: a text `1e-4`, not a text `no`."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


def dump(data: object) -> str:
    """`data` as YAML in its own order, innermost maps and lists on one line."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)
