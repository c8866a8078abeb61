"""A spec held against itself: contracts between its parts, and counts that its report claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ganspec.compiler.emit import program
from ganspec.compiler.lower import lower
from ganspec.language.errors import Diagnostic, SpecError, suggestion
from ganspec.language.kinds import within
from ganspec.language.tree import find
from ganspec.program.ir import Net
from ganspec.program.measure import Cost, costs, totals
from ganspec.systems.spec import Spec


def check(spec: Spec) -> list[Diagnostic]:
    """Warnings; raises SpecError where networks do not fit or a claimed count is not met."""
    nets = lower(spec)
    wrong = list(claims(spec, nets))
    if wrong:
        raise SpecError(wrong)
    if any(not type(kind).__module__.startswith("ganspec.") for kind in within(spec)):
        program(spec, nets)  # anybody's texts may lack something
    return warnings_of(spec, nets)


def warnings_of(spec: Spec, nets: dict[str, Net] | None = None) -> list[Diagnostic]:
    """What is allowed but odd. Claims are not read: a training may well be of other widths."""
    found = spec.contract(lower(spec) if nets is None else nets)
    return [_kept(spec, d) for d in found if d.severity == "warning"]


def _kept(spec: Spec, warning: Diagnostic) -> Diagnostic:
    """A warning of what the report itself did, with the spec's reason in place of a remedy."""
    reason = spec.report.keeps.get(warning.code)
    if reason is None:
        return warning
    return replace(warning, notes=(*warning.notes, f"kept on purpose: {reason}"), help=None)


def claims(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """A finding for every claimed parameter count that the built networks do not have."""
    claimed = [("params", name) for name in spec.report.params]
    claimed += [("layers", name) for name in spec.report.layers]
    for part, name in claimed:
        if name not in nets:
            mark = find(spec.tree, ("report", part, name)).start
            help = suggestion(name, nets, "networks")
            yield Diagnostic("unknown-name", f"no network is called `{name}`", mark, (), help)
    rows = {name: costs(net) for name, net in nets.items()}
    # a table that differs says where; its total would only say it again
    wrong = list(tables(spec, rows))
    yield from wrong or totals_claimed(spec, rows)


def tables(spec: Spec, rows: dict[str, list[Cost]]) -> Iterator[Diagnostic]:
    """The first difference of each claimed table from the built layers, with both places."""
    for name, table in spec.report.layers.items():
        place = find(spec.tree, ("report", "layers", name))
        built = [row for row in rows.get(name, []) if row.params]
        for i, count in enumerate(table):
            if i < len(built) and built[i].params == count:
                continue
            message = f"the report claims {count:,} parameters in layer {i + 1} of {name}"
            note = f"{name} has {len(built)} layers with parameters"
            if i < len(built):
                row = built[i]
                note = f"{row.kind} at line {row.line} has {row.params:,}"
            mark = place.value[i].mark
            help = f"hold the report's table against `ganspec show`{_where(built, count)}"
            yield Diagnostic("count-mismatch", message, mark, (note,), help)
            break
        else:
            if name in rows and len(built) > len(table):
                row = built[len(table)]
                message = f"{name} has {len(built)} layers with parameters, the report {len(table)}"
                note = f"the first of the others is {row.kind} at line {row.line}, {row.params:,}"
                yield Diagnostic("count-mismatch", message, place.mark, (note,))


def _where(rows: list[Cost], count: int) -> str:
    """The layer that has just the claimed count, if there is one."""
    row = next((row for row in rows if row.params == count), None)
    return f"; {row.kind} at line {row.line} has just {count:,}" if row else ""


def totals_claimed(spec: Spec, all_rows: dict[str, list[Cost]]) -> Iterator[Diagnostic]:
    """A finding for every claimed sum that a network does not have."""
    for name, claim in spec.report.params.items():
        if name not in all_rows:
            continue
        place = find(spec.tree, ("report", "params", name))
        rows = all_rows[name]
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
