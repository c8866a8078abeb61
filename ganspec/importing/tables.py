"""`ganspec import --summary`: import of printed tables as a spec."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganspec.compiler.check import check
from ganspec.compiler.lower import lower
from ganspec.importing.entries import Data, Entry
from ganspec.importing.graph import Shape
from ganspec.importing.missing import unknown
from ganspec.importing.network import NetworkDraft
from ganspec.importing.page import flow
from ganspec.importing.python_file import CodeInput, UnreadableError, refuse_unread
from ganspec.importing.rows import COUNTED, Table
from ganspec.importing.source import Imported
from ganspec.importing.summary import read_tables
from ganspec.importing.system import draft_spec, image_of, role_of, text_of
from ganspec.importing.walking import FURTHER, Walk
from ganspec.language.errors import SpecError, conjunction
from ganspec.language.unread import UNREAD
from ganspec.program.measure import costs, totals
from ganspec.streams import DASH, is_input, read_stdin
from ganspec.systems.load import loads

# by framework: what no table prints
UNSEEN = {
    "keras": "activations inside a layer, as Conv2D(activation='relu'), are not printed by Keras",
    "torch": "functions in `forward`, as F.relu and torch.cat, are not printed",
}
# by framework and class: settings that no table prints, as the network's `unknown` names them
UNSAID = {
    "keras": {
        "Conv2D": "groups of Conv2D are not printed; kernels are solved for one group",
        "ReLU": "max_value, negative_slope and threshold of ReLU are not printed",
        "Softmax": "the axis of Softmax is not printed",
    },
    "torch": {
        "AvgPool2d": "ceil_mode and divisor_override of AvgPool2d are not printed",
        "Conv2d": (
            "groups, dilation and padding_mode of Conv2d are not printed; kernels are solved for "
            "one group, without dilation"
        ),
        "ConvTranspose2d": (
            "groups and dilation of ConvTranspose2d are not printed; kernels are solved for one "
            "group, without dilation"
        ),
        "InstanceNorm2d": "running statistics of InstanceNorm2d are not printed",
        "MaxPool2d": "dilation and ceil_mode of MaxPool2d are not printed",
        "Softmax": "the dimension of Softmax is not printed",
        "Upsample": "align_corners of Upsample is not printed",
    },
}


def import_tables(paths: list[Path], inputs: list[CodeInput]) -> Imported:
    """Import the networks whose tables were printed into the files, as a spec.

    `inputs` are the input shapes that the user gave. Raise UnreadableError if a file has no table
    that can be read, if a network's input shape is unknown or nothing reads one of `inputs`, or if
    the networks do not fit into one spec.
    """
    tables = [table for path in paths for table in _read(path)]
    shapes = {each.name: each.shape for each in inputs}
    walks, warnings = _walks(tables, shapes)
    read = [walk.draft.reads for walk in walks]
    image = shapes.get("x")
    refuse_unread(each for each in inputs if each.is_label or each.shape not in read)
    networks: dict[str, NetworkDraft] = {}
    printed: dict[str, Table] = {}
    for walk in walks:
        types = {row.type for row in walk.rows}
        framework = walk.table.framework
        unsaid = [text for kind, text in UNSAID[framework].items() if kind in types]
        walk.draft.unknown += [UNSEEN[framework], *unsaid]
        role = role_of(walk.draft, walk.draft.reads == image)
        if role in networks:
            raise UnreadableError(f"two tables have the role {role}; import one at a time")
        networks[role], printed[role] = walk.draft, walk.table
    if len(networks) > 1 and set(networks) != {"generator", "discriminator"}:
        roles = conjunction(list(networks))
        raise UnreadableError(f"no spec has {roles} together; import one at a time")
    title = "stdin" if str(paths[0]) == DASH else paths[0].name
    draft = draft_spec(Path(title).stem, title, networks)
    frameworks = {table.framework for table in printed.values()}
    if len(frameworks) > 1:
        raise UnreadableError("one table is of Keras, one of torch; import one at a time")
    (draft.framework,) = frameworks
    draft.inits = dict.fromkeys(networks, unknown("not printed"))
    for role, network in networks.items():
        warnings += [
            f"{role}: not read: {gap}" for gap in [*network.gaps, *unprinted_fields(network)]
        ]
        warnings += [f"{role}: {note}" for note in [*network.notes, *doubtful(network.entries)]]
    draft.report = claimed(networks, printed)
    text = text_of(draft)
    return Imported(draft.name, text, _verified(text, printed), warnings)


def _read(path: Path) -> list[Table]:
    if not is_input(path):
        raise UnreadableError(f"there is no file {path}")
    try:
        data = read_stdin() if str(path) == DASH else path.read_bytes()
        return read_tables(data.decode("utf-8"), path.name)
    except UnicodeDecodeError:
        raise UnreadableError(f"{path} is not text in UTF-8; save the table in UTF-8") from None


def _walks(tables: list[Table], shapes: dict[str, Shape]) -> tuple[list[Walk], list[str]]:
    """Return the walk of each table, and warnings about tables that are left out.

    `shapes` has the shapes of the inputs that the user gave, by their names, such as `x`. A table
    is left out if a row is another model. Raise UnreadableError if no table is left, or if one has
    no layers or an unknown input shape. Tables of generators come first, as far as their first rows
    tell them, because a generator's output tells the image shape.
    """
    warnings, walks = [], []
    image = shapes.get("x")
    for table in sorted(tables, key=lambda table: not _starts_with_vector(table)):
        if any(row.type in ("Sequential", "Functional", "Model") for row in table.rows):
            warnings.append(f"`{table.name}` is made of other models; import their own tables")
            continue
        walk = Walk(table, shapes.get("z"), image)
        walk.run()
        walks.append(walk)
        if len(walk.draft.makes) == 3 and image is None:
            image = image_of(walk.draft.makes)
    if not walks:
        raise UnreadableError(warnings[0])
    return walks, warnings


def _starts_with_vector(table: Table) -> bool:
    shapes = [row.shape for row in table.rows if row.shape]
    # with torch, a generator often begins by a convolution of a 1 x 1 map
    is_point = bool(table.rows) and table.rows[0].type == "ConvTranspose2d"
    return is_point or (bool(shapes) and len(shapes[0]) == 1)


def unprinted_fields(network: NetworkDraft) -> list[str]:
    """Return the unprinted fields with their counts: `dropout rate (3 times)`, `elu alpha`."""
    norms = network.activation_norm if isinstance(network.activation_norm, dict) else {}
    norm = {f"{name}_norm": fields for name, fields in norms.items()}
    parts = [norm if e.kind == "norm" else {str(e.kind): e.fields} for e in network.entries]
    return _counted(text for part in (network.condition, *parts) for text in _gaps(part))


def _gaps(value: Data, owner: str = "") -> Iterator[str]:
    """Yield the names of unknown fields in nested data, each after its kind: `dropout rate`."""
    for name, part in value.items() if isinstance(value, dict) else ():
        if isinstance(part, dict) and UNREAD in part:
            yield f"{owner} {name}"
        else:
            yield from _gaps(part, name)


def doubtful(entries: list[Entry]) -> list[str]:
    """Return the layers' notes without parameter counts, such as `conv: or kernel 1, 9`.

    Equal notes come once, with their number if that is not 1.
    """
    notes = [(e.kind, re.sub(r"^[\d,]+(; )?", "", e.note)) for e in entries]
    return _counted(f"{kind}: {note}" if kind else note for kind, note in notes if note)


def _counted(texts: Iterable[str]) -> list[str]:
    return [f"{text} ({n} times)" if n > 1 else text for text, n in Counter(texts).items()]


def claimed(networks: dict[str, NetworkDraft], tables: dict[str, Table]) -> list[str]:
    """Return the lines of a spec's `report` with the tables' numbers, for `ganspec check`.

    They are each network's parameter sums, and its layers' parameters. A network that reads a
    label, or a table of torch, gets only the sums. A network with further outputs, or with a layer
    `unknown` that has parameters, gets neither. Return [] if there are no numbers.
    """
    params: dict[str, Data] = {}
    rows: dict[str, Data] = {}
    for role, network in networks.items():
        is_part = any(text.startswith(FURTHER) for text in network.unknown)
        if is_part or any(entry.note for entry in network.missing):
            continue  # the spec has fewer parameters than the table
        if any((known := counts(tables[role])).values()):
            params[role] = known
        printed = [row.params for row in tables[role].rows if row.params]
        is_whole = tables[role].framework == "keras"  # torch's lack the running statistics
        # a spec has one condition in place of several layers of a label
        if printed and is_whole and network.label is None:
            rows[role] = printed
    lines = []
    for key, values in (("params", params), ("layers", rows)):
        lines += [f"  {key}:"] if values else []
        lines += [f"    {role}: {flow(value)}" for role, value in values.items()]
    return ["report:", *lines] if lines else []


def counts(table: Table) -> dict[str, int]:
    """Return the printed parameter sums by their keys in TOTALS, without the optimizer's.

    If no parameter is trainable, or if the sums do not add up, return only the total. The total of
    a table of torch lacks the running statistics: it is the number of `trainable` parameters.
    """
    sums = dict(table.totals)
    if table.framework == "torch":
        return {COUNTED["torch"]: sums["total"]} if "total" in sums else {}
    if "total" in sums:
        sums["total"] -= sums.pop("optimizer", 0)
    frozen = sums.get("trainable") == 0 or sum(sums.values()) != 2 * sums.get("total", 0)
    return {"total": sums["total"]} if frozen and "total" in sums else sums


def _verified(text: str, tables: dict[str, Table]) -> dict[str, str]:
    """Return by role how the parameters of the spec in `text` compare with the tables'.

    An example is `1,234 parameters, as printed`. The first text ends with the first error that
    `ganspec check` finds, if there is one.
    """
    try:
        spec = loads(text, "spec")
        nets = lower(spec)
    except SpecError as error:
        return dict.fromkeys(tables, f"does not fit: {error.diagnostics[0].message}")
    verified = {}
    for role, table in tables.items():
        key = COUNTED[table.framework]
        total = totals(costs(nets[role]))[key]
        printed = counts(table).get(key)
        if printed is None:
            words = "but the table prints no total"
        else:
            words = "as printed" if total == printed else f"not {printed:,}"
        verified[role] = f"{total:,} parameters, {words}"
    try:
        check(spec)
    except SpecError as error:
        wrong = [each.message for each in error.diagnostics if each.code != "not-read"]
        verified[next(iter(verified))] += f"; {wrong[0]}" if wrong else ""
    return verified
