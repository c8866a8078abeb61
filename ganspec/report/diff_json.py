"""A comparison of two specs as JSON, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from ganspec.comparison.edits import Change, ComparedLayer, Comparison, Edit, Keep, NetworkDiff
from ganspec.program.measure import is_lost


def render(comparison: Comparison) -> str:
    """Return JSON with both specs' names, the main differences in words, and every change.

    Layers that are equal are only counted, under `kept` of their network.
    """
    return json.dumps(
        {
            "equal": comparison.is_equal,
            "a": asdict(comparison.a),
            "b": asdict(comparison.b),
            "answer": list(comparison.answer),
            "networks": {network.name: _network(network) for network in comparison.networks},
            "sections": {s.name: [_change(c) for c in s.changes] for s in comparison.sections},
        },
        indent=2,
    )


def _network(network: NetworkDiff) -> dict[str, object]:
    return {
        "equal": network.is_equal,
        "only": network.only,
        "kept": sum(isinstance(edit, Keep) for edit in network.edits),
        "edits": [_edit(edit) for edit in network.changed],
        "settings": [_change(change) for change in network.settings],
        "totals": [_change(change) for change in network.totals],
    }


def _edit(edit: Edit) -> dict[str, object]:
    return {
        "edit": edit.word,
        "path": edit.path,
        "a": _layer(edit.a),
        "b": _layer(edit.b),
        "changes": [_change(change) for change in edit.changes],
    }


def _layer(layer: ComparedLayer | None) -> dict[str, object] | None:
    if layer is None:
        return None
    return {
        "number": layer.number,
        "path": layer.path,
        "kind": layer.kind,
        "text": layer.text,
        "inside": list(layer.inside),
        "output": None if "output" in layer.lost else list(layer.shape),
        "params": None if is_lost([layer], "params") else layer.params,
        "macs": None if is_lost([layer], "macs") else layer.macs,
        "file": layer.mark.text.name if layer.mark else None,
        "line": layer.line,
    }


def _change(change: Change) -> dict[str, object]:
    return {key: getattr(change, key) for key in ("name", "before", "after", "because")}
