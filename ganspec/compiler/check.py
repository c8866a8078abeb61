"""Check that a spec's parts agree, and that its networks have the counts that the report claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ganspec.compiler.batches import check_batches
from ganspec.compiler.emit import program
from ganspec.compiler.lower import lower
from ganspec.language.errors import Diagnostic, Mark, SpecError, quoted, suggestion
from ganspec.language.kinds import within
from ganspec.language.parts import parts_of
from ganspec.language.tree import Node, find
from ganspec.program.ir import Net
from ganspec.program.measure import Cost, costs, totals
from ganspec.systems.spec import Spec
from ganspec.systems.unread import diagnosed, unread, unread_in_networks

COUNTS = {
    "total": "parameters",
    "trainable": "trainable parameters",
    "buffers": "non-trainable parameters",
}

PATHS = "write a section and names below it, such as `train.batch` or `generator.dropout.0.rate`"


def check(spec: Spec) -> list[Diagnostic]:
    """Return warnings about a spec.

    Raise SpecError as `lower` does; if a claim of the report is wrong; or if part of a network is
    `unknown`. Whole networks and other parts that are `unknown` are only warnings. If nothing is
    unknown, raise SpecError, too, if a layer cannot read a batch of the training, or if the code of
    a user's own kind cannot be emitted.
    """
    nets, gaps = lower(spec), unread(spec)
    errors = [*diagnosed(unread_in_networks(spec)), *claims(spec, nets)]
    if not gaps:
        errors += check_batches(spec, nets)
    if errors:
        raise SpecError(errors)
    if not gaps and any(kind.is_own for kind in within(spec)):
        program(spec, nets)  # raises an error if the code of a user's kind cannot be moved
    return [*warnings_of(spec, nets), *diagnosed(gaps, "warning")]


def warnings_of(spec: Spec, nets: dict[str, Net] | None = None) -> list[Diagnostic]:
    """Return the warnings of `Spec.contract`: how networks, data, objective and rules disagree.

    `nets` are lowered from the spec if None, which may raise SpecError. A warning whose code is in
    `report.keeps` shows the reason that is written there, and no help.
    """
    reasons = {str(code): reason for code, reason in spec.report.keeps.items()}
    warnings = []
    for each in spec.contract(lower(spec) if nets is None else nets):
        if each.severity == "warning" and each.code in reasons:
            note = f"kept on purpose: {reasons[each.code]}"
            warnings.append(replace(each, notes=(*each.notes, note), help=None))
        elif each.severity == "warning":
            warnings.append(each)
    return warnings


def claims(spec: Spec, nets: dict[str, Net]) -> Iterator[Diagnostic]:
    """Yield an error for each claim in `report` that has a wrong name or count.

    In a table of layers, only the first wrong count is an error. If any table is wrong, the
    networks' totals are not compared.
    """
    claimed = [("params", name) for name in spec.report.params]
    claimed += [("layers", name) for name in spec.report.layers]
    for part, name in claimed:
        if name not in spec.networks:
            mark = _place(spec, part, name).start
            help = suggestion(name, spec.networks, "networks")
            yield Diagnostic("unknown-name", f"no network is called `{name}`", mark, (), help)
    yield from _unnamed(spec)
    rows = {name: costs(net) for name, net in nets.items()}
    # an error of a table names the layer; one of the total would only repeat the difference
    errors = list(_tables(spec, rows))
    yield from errors or _totals(spec, rows)


def _unnamed(spec: Spec) -> Iterator[Diagnostic]:
    """Yield an error for every path in `report.implied` that names no value of the spec.

    Paths below a network that is `unknown` as a whole are not checked.
    """
    if not spec.report.implied:
        return
    root = parts_of(spec)
    for i, path in enumerate(spec.report.implied):
        if path.partition(".")[0] not in spec.unread and not root.named(path):
            mark = _place(spec, "implied", i).mark
            yield Diagnostic("unknown-name", f"{quoted(path)} names no value", mark, (), PATHS)


def _place(spec: Spec, *path: str | int) -> Node:
    """Return the node of the spec's tree at `path` below `report`."""
    return find(spec.tree, ("report", *path))


def _tables(spec: Spec, rows: dict[str, list[Cost]]) -> Iterator[Diagnostic]:
    """Yield an error for each table in `report.layers` that is wrong.

    The error is about the first wrong count or, without one, about layers that the table lacks.
    Only layers with parameters have a count in a table; running statistics count as parameters.
    """
    for name, table in spec.report.layers.items():
        if name not in rows:
            continue
        built = [row for row in rows[name] if row.params]
        has = f"{name} has {len(built)} layers with parameters"
        counts = [row.params for row in built]
        first = next((i for i, n in enumerate(table) if counts[i : i + 1] != [n]), None)
        if first is not None:
            count, place = table[first], _place(spec, "layers", name, first).mark
            message = f"the report claims {count:,} parameters in layer {first + 1} of {name}"
            wrong = built[first] if first < len(built) else None
            note = f"{_seen(wrong, place)} has {counts[first]:,} parameters" if wrong else has
            same = next((row for row in built if row.params == count), None)
            more = f"{_seen(same, place)} has exactly {count:,} parameters" if same else ""
            yield _mismatch(message, place, note, more)
        elif len(built) > len(table):
            row, place = built[len(table)], _place(spec, "layers", name).mark
            message = f"{has}, but the report lists {len(table)}"
            what = f"{_seen(row, place)}, with {row.params:,} parameters"
            note = f"the first that the report lacks is {what}"
            yield Diagnostic("count-mismatch", message, place, (note,))


def _totals(spec: Spec, all_rows: dict[str, list[Cost]]) -> Iterator[Diagnostic]:
    """Yield an error for each number in `report.params` that differs from the network's."""
    for name, claim in spec.report.params.items():
        if name not in all_rows:
            continue
        rows, node = all_rows[name], _place(spec, "params", name)
        built = totals(rows)
        claimed = {"total": claim} if isinstance(claim, int) else dict(claim)
        for part, count in claimed.items():
            if count is None or count == built[part]:
                continue
            off = abs(built[part] - count)
            more_or_fewer = "more" if built[part] > count else "fewer"
            message = f"the report claims {count:,} {COUNTS[part]} in {name}"
            note = f"{name} has {built[part]:,}, {off:,} {more_or_fewer} than claimed"
            near = next((row for row in rows if off in (row.params, row.buffers)), None)
            what = COUNTS["total" if near and off == near.params else "buffers"]
            place = (node.get(part) or node).mark
            more = f"{_seen(near, place)} has exactly {off:,} {what}" if near else ""
            yield _mismatch(message, place, note, more)


def _seen(row: Cost, place: Mark) -> str:
    """Return a layer's kind and where it is, as seen from `place`: `conv at line 7`."""
    return f"{row.kind} at {row.mark.seen_from(place)}" if row.mark else row.kind


def _mismatch(message: str, mark: Mark, note: str, more: str) -> Diagnostic:
    help = "compare the report with `ganspec show`" + (f"; {more}" if more else "")
    return Diagnostic("count-mismatch", message, mark, (note,), help)
