"""A spec held against itself: contracts between its parts, and counts that its report claims."""

from __future__ import annotations

from collections.abc import Iterator

from ganspec.compiler.contract import contract
from ganspec.compiler.ir import Net
from ganspec.compiler.lower import lower
from ganspec.compiler.measure import costs, totals
from ganspec.language.errors import Diagnostic, SpecError
from ganspec.language.spec import Spec


def check(spec: Spec) -> list[Diagnostic]:
    """Warnings; raises SpecError where networks do not fit or a claimed count is not met."""
    nets = lower(spec)
    wrong = list(claims(spec, nets))
    if wrong:
        raise SpecError(wrong)
    return warnings_of(spec, nets)


def warnings_of(spec: Spec, nets: dict[str, Net] | None = None) -> list[Diagnostic]:
    """What is allowed but odd. Claims are not read: a training may well be of other widths."""
    found = contract(spec, lower(spec) if nets is None else nets)
    return [d for d in found if d.severity == "warning"]


def claims(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """A finding for every claimed parameter count that the built network does not have."""
    for name, claim in spec.report.params.items():
        place = spec.tree.find(("report", "params", name))
        rows = costs(nets[name])
        built = totals(rows)
        claimed = {"total": claim} if isinstance(claim, int) else dict(claim)
        for part, count in claimed.items():
            if count is not None and count != built[part]:
                node = place.get(part) or place
                off = built[part] - count
                message = f"the report claims {count:,} {_WORDS[part]} in {name}"
                note = f"{name} has {built[part]:,}, {abs(off):,} {'more' if off > 0 else 'fewer'}"
                help = f"hold the report's table against `ganspec show`{_near(rows, abs(off))}"
                yield Diagnostic("count-mismatch", message, node.mark, (note,), help)


_WORDS = {
    "total": "parameters",
    "trainable": "trainable parameters",
    "buffers": "non-trainable parameters",
}


def _near(rows: list, difference: int) -> str:
    """A layer whose size is just what differs, if there is one."""
    row = next((r for r in rows if difference and difference in (r.params, r.buffers)), None)
    return f"; {row.kind} at line {row.line} has just the difference" if row else ""
