"""`ganspec import --summary`: printed Keras tables to a spec."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

from ganspec.compiler.check import check
from ganspec.compiler.lower import lower
from ganspec.importing.entries import Entry
from ganspec.importing.network import Sketch
from ganspec.importing.page import flow
from ganspec.importing.python_file import Given, UnreadableError
from ganspec.importing.source import Imported
from ganspec.importing.summary import Table, read_tables
from ganspec.importing.system import draft, image_of, role_of, text_of
from ganspec.importing.walking import Walk
from ganspec.language.errors import SpecError
from ganspec.program.measure import costs, totals
from ganspec.systems.load import loads

UNSEEN = "activations inside a layer, as Conv2D(activation='relu'), are not printed by Keras"


def import_tables(paths: list[Path], inputs: list[Given]) -> Imported:
    """A spec of the printed networks; raises UnreadableError where they are none."""
    tables = [t for path in paths for t in _read(path)]
    walks, warnings = _walks(tables, inputs)
    networks: dict[str, Sketch] = {}
    for walk in walks:
        role = role_of(walk.sketch)
        if role in networks:
            raise UnreadableError(f"two tables are of a {role}; import them one by one")
        networks[role] = walk.sketch
    name, source = paths[0].stem, paths[0].name
    reports = {role: w.table for role, w in zip(networks, walks, strict=True)}
    spec = draft(name, source, networks, framework="keras", remarks=[UNSEEN])
    for role, sketch in networks.items():
        warnings += [f"{role}: {note}" for note in sketch.notes]
        warnings += [f"{role}: {text}" for text in doubtful(sketch.entries)]
    warnings.append(UNSEEN)
    spec.report = claimed(networks, reports)
    text = text_of(spec)
    return Imported(spec.name, text, _verified(text, networks, reports), warnings)


def _read(path: Path) -> list[Table]:
    if not path.is_file():
        raise UnreadableError(f"there is no file {path}")
    try:
        return read_tables(path.read_text("utf-8"), path.name)
    except UnicodeDecodeError:
        raise UnreadableError(f"{path} is no text in UTF-8; save the table as such") from None


def _walks(tables: list[Table], inputs: list[Given]) -> tuple[list[Walk], list[str]]:
    """Each table's layers; a discriminator's input may be the size that the generator makes."""
    warnings, walks = [], []
    given = {g.name: g.shape for g in inputs}
    image = given.get("x")
    for table in sorted(tables, key=lambda t: not _starts_with_vector(t)):
        if any(row.type in ("Sequential", "Functional", "Model") for row in table.rows):
            warnings.append(f"`{table.name}` is made of other models; import their own tables")
            continue
        walk = Walk(table, given.get("z"), image)
        walk.run()
        walks.append(walk)
        if len(walk.sketch.makes) == 3 and image is None:
            image = image_of(walk.sketch.makes)
    if not walks:
        raise UnreadableError(f"{warnings[0] if warnings else 'there is no table'}")
    return walks, warnings


def _starts_with_vector(table: Table) -> bool:
    shapes = [row.shape for row in table.rows if row.shape]
    return bool(shapes) and len(shapes[0]) == 1


def doubtful(entries: list[Entry]) -> list[str]:
    """What is not certain of the layers, each doubt once."""
    notes = [(e.kind, re.sub(r"^[\d,]+(; )?", "", e.note)) for e in entries]
    found = Counter(f"{kind}: {note}" if kind else note for kind, note in notes if note)
    return [f"{text} ({count} times)" if count > 1 else text for text, count in found.items()]


def claimed(networks: dict[str, Sketch], tables: dict[str, Table]) -> list[str]:
    """The table's own numbers, as claims that `ganspec check` holds against the spec."""
    params, rows = {}, {}
    for role, sketch in networks.items():
        if any(e.kind is None for e in sketch.entries):
            continue  # with stand-ins the counts cannot be met
        if counts(tables[role]).get("total"):
            params[role] = counts(tables[role])
        printed = [row.params for row in tables[role].rows if row.params]
        if printed and sketch.label is None:  # a label's layers are one condition here
            rows[role] = printed
    found = {"params": params, "layers": rows}
    lines = ["report:"]
    for key, value in found.items():
        if value:
            lines += [f"  {key}:", *(f"    {role}: {flow(part)}" for role, part in value.items())]
    return lines if len(lines) > 1 else []


def counts(table: Table) -> dict[str, int]:
    """The printed sums, without an optimizer's; of frozen models only the total says anything."""
    found = dict(table.totals)
    if "total" in found:
        found["total"] -= found.pop("optimizer", 0)
    frozen = found.get("trainable") == 0 or sum(found.values()) != 2 * found.get("total", 0)
    return {"total": found["total"]} if frozen and "total" in found else found


def _verified(text: str, networks: dict[str, Sketch], tables: dict[str, Table]) -> dict[str, str]:
    """Of each network, whether its counts are the table's."""
    spec = loads(text, "spec")
    try:
        nets = lower(spec)
    except SpecError as error:
        return dict.fromkeys(networks, f"does not fit: {error.diagnostics[0].message}")
    found = {}
    for role in networks:
        total = totals(costs(nets[role]))["total"]
        printed = tables[role].totals.get("total", math.nan)
        same = total == counts(tables[role]).get("total")
        found[role] = (
            f"{total:,} parameters, as printed"
            if same
            else f"{total:,} parameters, not {printed:,}"
        )
    try:
        check(spec)
    except SpecError as error:
        role = next(iter(found))
        found[role] += f"; {error.diagnostics[0].message}"
    return found
