"""A spec's networks as a table that a person would paste into a report."""

from __future__ import annotations

from ganspec.compiler.ir import Net
from ganspec.compiler.measure import Cost, costs, totals
from ganspec.language.spec import Spec


def described(spec: Spec, nets: dict[str, Net]) -> dict[str, object]:
    """Networks, layers and costs as plain data; the shape that `show --json` prints."""
    networks = {}
    for name, net in nets.items():
        rows = costs(net, macs=True)
        networks[name] = {
            "params": totals(rows),
            "macs": sum(row.macs for row in rows),
            "layers": [
                {
                    "path": row.path,
                    "kind": row.kind,
                    "output": list(row.output),
                    "params": row.params,
                    "macs": row.macs,
                    "line": row.line,
                }
                for row in rows
            ],
        }
    return {"name": spec.name, "networks": networks}


def table(spec: Spec, nets: dict[str, Net]) -> str:
    """Every network's layers with output shape, parameters and multiply-adds, as text."""
    parts = [f"{spec.name}: {' '.join(spec.doc.split())}" if spec.doc else spec.name]
    for name, net in nets.items():
        parts.append(_network(name, net, costs(net, macs=True)))
    return "\n\n".join(parts)


def _network(name: str, net: Net, rows: list[Cost]) -> str:
    start = " x ".join(map(str, net.inputs[0].value.shape))
    cells = [
        ("layer", "output", "parameters", "multiply-adds", "line"),
        ("input", start, "", "", ""),
    ]
    for row in rows:
        shape = " x ".join(map(str, row.output))
        counts = (f"{row.params:,}" if row.params else "", f"{row.macs:,}" if row.macs else "")
        cells.append((row.kind, shape, *counts, str(row.line or "")))
    count = totals(rows)
    macs = sum(row.macs for row in rows)
    cells.append(("total", "", f"{count['total']:,}", f"{macs:,}", ""))
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    lines = [name]
    for i, row in enumerate(cells):
        left = f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}"
        right = "  ".join(f"{cell:>{w}}" for cell, w in zip(row[2:], widths[2:], strict=True))
        lines.append(f"  {left}  {right}".rstrip())
        if i in (0, len(cells) - 2):
            lines.append("  " + "-" * (sum(widths) + 8))
    if count["buffers"]:
        lines.append(f"  trainable {count['trainable']:,}, non-trainable {count['buffers']:,}")
    return "\n".join(lines)
