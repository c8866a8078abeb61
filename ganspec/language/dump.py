"""Write plain data as YAML from which `ganspec.language.source` reads the same data."""

from __future__ import annotations

import yaml

from ganspec.language.source import Loader


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, which quotes a text that `Loader` would read as another type.

    So the text `1e-4` is quoted, and `no`, a boolean only in YAML 1.1, is not.
    """

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # only in double quotes does PyYAML escape U+0085; elsewhere it reads it back as a blank
        style = '"' if "\x85" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Dumper.add_representer(str, _Dumper.represent_str)


def dump(data: object) -> str:
    """Return `data` as YAML, in the order of its keys.

    Innermost maps and lists are `{...}` and `[...]`. Long lines are broken near 100 characters.
    """
    return yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        width=100,
        allow_unicode=True,
    )
