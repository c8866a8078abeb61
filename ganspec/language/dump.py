"""Write plain data as YAML that a spec's reader turns into the same data."""

from __future__ import annotations

import yaml

from ganspec.language.source import Loader


class _Dumper(yaml.SafeDumper):
    """A writer that quotes a text only if it would be read as another type.

    The text `1e-4` is quoted, `no` is not.
    """

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


def dump(data: object) -> str:
    """Return `data` as YAML. Keys keep their order; innermost maps and lists take one line."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)
