"""The output of `ganspec show --json`: a spec's networks, layers and costs as plain data."""

from __future__ import annotations

from typing import TypedDict

from ganspec.program.ir import Net
from ganspec.program.measure import Cost, costs, is_lost, totals
from ganspec.program.receptive import ReceptiveField, receptive_field, receptive_fields
from ganspec.program.unread import lost_fields
from ganspec.systems.implied import Implied
from ganspec.systems.spec import Spec
from ganspec.systems.unread import unread


class LayerData(TypedDict):
    """One layer in the output of `show --json`.

    `output` is the shape of the layer's output without the batch. `receptive_field` is the height
    and width of the field, None if the output depends on no image; `jump` the distances down and
    across between neighbouring fields, None if the output has no rows and columns of the image.
    Both are in pixels of the input. Unknown values are None. `implied` names the fields that the
    spec's report does not print, and the layer's kind if it does not print the layer.
    """

    path: str
    kind: str
    output: list[int] | None
    params: int | None
    macs: int | None
    line: int | None
    receptive_field: list[int] | None
    jump: list[float] | None
    implied: list[str]


class NetworkData(TypedDict):
    """One network in the output of `show --json`.

    `params` has the numbers of parameters `total`, `trainable` and `buffers`; `macs` is the number
    of multiply-adds for one image. `receptive_field` is the height and width, in pixels, of the
    part of the image that one number of the output depends on, None if it depends on no image.
    Unknown values are None.
    """

    params: dict[str, int | None]
    macs: int | None
    receptive_field: list[int] | None
    layers: list[LayerData]


class ReportData(TypedDict):
    """A spec's `report` in `show --json`; a map in `implied` has the keys `path` and `value`."""

    cite: str
    notes: list[str]
    implied: list[dict[str, object]]


class SpecData(TypedDict):
    """The output of `show --json`; `unread` has the path and a description of each unknown part."""

    name: str
    networks: dict[str, NetworkData]
    report: ReportData
    unread: list[tuple[str, str]]


def described(spec: Spec, nets: dict[str, Net]) -> SpecData:
    """Return a spec's networks, layers, costs and report as plain data; `nets` are its programs."""
    networks: dict[str, NetworkData] = {}
    implied, report = Implied(spec), spec.report
    for name, net in nets.items():
        rows, fields = costs(net, macs=True), receptive_fields(net)
        lost = lost_fields(net)
        fields = {path: field for path, field in fields.items() if path not in lost}
        seen = None if lost else receptive_field(net)
        networks[name] = {
            "params": {
                key: None if is_lost(rows, "params") else count
                for key, count in totals(rows).items()
            },
            "macs": _sum(rows, "macs"),
            "receptive_field": list(seen) if seen else None,
            "layers": [
                _layer(row, fields.get(row.path), implied.by_kind.get(f"{name}.{row.path}", []))
                for row in rows
            ],
        }
    gaps = [(part.path, part.seen) for part in unread(spec)]
    said: ReportData = {
        "cite": report.cite,
        "notes": list(report.notes),
        "implied": implied.data(),
    }
    return {"name": spec.name, "networks": networks, "report": said, "unread": gaps}


def _sum(rows: list[Cost], name: str) -> int | None:
    """Return the sum of `params` or `macs` of rows; None if it depends on unknown labels."""
    return None if is_lost(rows, name) else sum(getattr(row, name) or 0 for row in rows)


def _layer(row: Cost, field: ReceptiveField | None, implied: list[str]) -> LayerData:
    jump = field.jump if field else None
    return {
        "path": row.path,
        "kind": row.kind,
        "output": None if "output" in row.lost else list(row.output),
        "params": _sum([row], "params"),
        "macs": _sum([row], "macs"),
        "line": row.line,
        "receptive_field": list(field.size) if field else None,
        "jump": [float(step) for step in jump] if jump else None,
        "implied": implied,
    }
