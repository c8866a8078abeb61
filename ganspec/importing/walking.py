"""A Keras table from its first row to its last: the running value, named ones, the label."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from ganspec.importing.entries import Entry
from ganspec.importing.missing import shown, stand_ins
from ganspec.importing.network import Sketch
from ganspec.importing.python_file import UnreadableError
from ganspec.importing.solving import KERAS, entry, keras_type, solve
from ganspec.importing.summary import Row, Table
from ganspec.language.expr import Width
from ganspec.program.ir import label_input

Shape = tuple[int, ...]
SIDES = (28, 32, 48, 64, 96, 128, 256)  # of images that reports are about


class Walk:
    """The layers of one table; `latent` and `image` are shapes that the user gave."""

    def __init__(self, table: Table, latent: Shape | None, image: Shape | None):
        self.table, self.latent, self.image = table, latent, image
        self.sketch = Sketch(table.name, (), (), [])
        self.shapes: dict[str, Shape] = {}  # of every row
        self.names: dict[str, str] = {}  # rows that are read by name
        self.entries: dict[str, Entry] = {}  # the last layer of every row
        self.labels: list[Row] = []  # rows of the label
        self.before: Row | None = None
        self.main = ""  # the input that the first layer reads

    def run(self) -> None:
        """Fill the sketch; raises UnreadableError where the input cannot be told."""
        for row in self.rows():
            if row.type == "InputLayer":
                continue
            if self.is_label(row):
                self.labels.append(row)
            elif self.before is None:
                self.first(row)
            else:
                self.row(row)
        self.sketch.makes = self.running
        if not self.sketch.reads:
            raise UnreadableError(f"the table `{self.table.name}` has no layers")

    def rows(self) -> list[Row]:
        """The table's rows with their types in full."""
        return [replace(row, type=keras_type(row)) for row in self.table.rows]

    # -- the input ----------------------------------------------------------------------------

    def inputs(self) -> dict[str, Shape]:
        """The printed inputs by name."""
        return {r.name: r.shape for r in self.rows() if r.type == "InputLayer" and r.shape}

    def first(self, row: Row) -> None:
        """The first layer, and what it reads."""
        start = self.start(row)
        self.sketch.reads = self.running = start
        self.row(row)

    def start(self, row: Row) -> Shape:
        """The shape of the network's input: printed, given, or what the first row leaves open."""
        inputs = self.inputs()
        read = [name for text in row.sources if (name := named(text, inputs))]
        if read:
            self.main = max(read, key=lambda name: math.prod(inputs[name]))
            return inputs[self.main]
        printed = list(inputs.values())
        printed = [s for s in printed if not self.labels or s != self.labels[0].shape]
        for shape in printed:
            if row.shape is None or len(shape) in (1, 3):
                return max(printed, key=len) if len(printed) > 1 else shape
        is_map = row.shape is not None and len(row.shape) == 3
        given = self.image if is_map else self.latent
        if given and solve(row, given):
            return given
        found = [(s, solved) for s in self.guesses(row) if (solved := solve(row, s))]
        square = [f for f in found if isinstance(getattr(f[1].layer, "kernel", 1), int)]
        found = square or found
        if not found:
            raise UnreadableError(
                f"the table `{self.table.name}` does not print its input; "
                "add --input z:100 or --input x:3x64x64"
            )
        shape = found[0][0]
        others = [shown(s, s) for s, _ in found[1:4]]
        doubt = f", or {' or '.join(others)}" if others else ""
        self.sketch.notes.append(
            f"the table does not print its input: {shown(shape, shape)}{doubt}; say it with --input"
        )
        return shape

    def guesses(self, row: Row) -> list[Shape]:
        """Inputs that a first layer could read, the likeliest first."""
        if row.type == "Dense" and row.shape:
            sizes = {row.params // row.shape[0] - bias for bias in (0, 1)}
            round_ones = sorted(sizes, key=lambda z: (z % 10 != 0 and z & (z - 1) != 0, z))
            return [(z,) for z in round_ones if z > 0]
        if row.shape is None or len(row.shape) != 3:
            return []
        height, width = row.shape[1:]
        factors = [f for f in (1, 2) if height * f in SIDES] or [1, 2]
        return [(c, height * f, width * f) for f in factors for c in (1, 3)]

    # -- rows ---------------------------------------------------------------------------------

    def row(self, row: Row) -> None:
        """One more layer."""
        before = self.running
        joins = KERAS.get(row.type) in ("add", "concat", "multiply")
        found = self.join(row) if joins else self.plain(row, before)
        if found is None:
            found = self.missing(row, before)
        self.sketch.entries += found
        if row.shape is not None:
            self.running = row.shape
        self.shapes[row.name] = self.running
        if found:
            self.entries[row.name] = found[-1]
        self.before = row

    def plain(self, row: Row, before: Shape) -> list[Entry] | None:
        """A layer of one input."""
        source = self.source(row)
        start = self.shapes[source] if source else before
        if KERAS.get(row.type) == "reshape" and row.shape and len(row.shape) == 1:
            row = replace(row, type="Flatten")
        solved = solve(row, start) if start else None
        if solved is None or (row.type == "Flatten" and len(start) == 1):
            return [] if row.type == "Flatten" else None
        made = entry(solved, row)
        if source:
            made.fields["from"] = self.name(source)
        if row.type == "Activation" and row.name == self.table.rows[-1].name:
            made.kind = self.last_activation()
        return [made]

    def last_activation(self) -> str:
        """The usual one of a score, of an image, of classes."""
        if math.prod(self.running) == 1:
            return "sigmoid"
        return "tanh" if len(self.running) == 3 else "softmax"

    def source(self, row: Row) -> str | None:
        """The row that this one reads, where that is not the one before."""
        name = self.found(row.sources[0]) if row.sources else None
        return name if name and self.before and name != self.before.name else None

    def found(self, text: str) -> str | None:
        """The row that a cell of `Connected to` names, which may be cut short."""
        return named(text, self.shapes)

    def name(self, row: str) -> str:
        """The name by which a later layer reads a row."""
        if row not in self.names:
            self.names[row] = f"skip{len(self.names) + 1}" if self.names else "skip"
            self.entries[row].fields["as"] = self.names[row]
        return self.names[row]

    def join(self, row: Row) -> list[Entry] | None:
        """A sum or concatenation with named rows, or with the label."""
        if self.labels and self.reads_label(row):
            made = self.condition(row)
            return [made] if made else [] if self.sketch.condition else None
        kind = KERAS[row.type]
        if kind == "concat" and (found := self.vector(row)) is not None:
            return found
        sources = [self.found(text) for text in row.sources]
        if None in sources or len(sources) < 2 or kind == "multiply":
            return None
        last = self.before.name if self.before else None
        others = [s for s in sources if s != last]
        if not others or len(others) == len(sources):
            return None
        return [Entry(kind, {"value": self.name(s)}, primary="value") for s in others]

    def missing(self, row: Row, before: Shape) -> list[Entry]:
        """A row that no layer fits."""
        after = row.shape or before
        text = f"{row.name} ({row.type}), {row.params:,} parameters"
        note = f"not expressed: {text} ({shown(before, after)})"
        return [Entry(None, {}, note=note), *stand_ins(before, after)]

    # -- the label ----------------------------------------------------------------------------

    def is_label(self, row: Row) -> bool:
        """Whether a row is an embedding, or reads the label's rows alone."""
        if row.type == "Embedding":
            return True
        names = [label.name for label in self.labels]
        cut = [text.rstrip("…") for text in row.sources]
        joins = KERAS.get(row.type) in ("add", "concat", "multiply")
        return bool(names and cut) and not joins and any(n.startswith(cut[0]) for n in names)

    def reads_label(self, row: Row) -> bool:
        last = self.labels[-1].name
        return any(last.startswith(text.rstrip("…")) for text in row.sources)

    def vector(self, row: Row) -> list[Entry] | None:
        """A second input, a vector behind the running one: the label, of several marks."""
        inputs = self.inputs()
        read = [name for text in row.sources if (name := named(text, inputs))]
        others = [name for name in read if name != self.main]
        if not self.main or len(others) != 1 or len(inputs[others[0]]) != 1:
            return None
        size = inputs[others[0]][0]
        if row.shape != (self.running[0] + size,):
            return None
        self.sketch.classes, self.sketch.label = size, label_input(Width(size), False).value
        if not self.sketch.entries:
            self.sketch.condition = "concat"
            return []
        return [Entry("join_label", {"condition": "concat"}, primary="condition")]

    def condition(self, row: Row) -> Entry | None:
        """The label's rows and the row that joins them, as one condition."""
        embedding = self.labels[0]
        size = (embedding.shape or (0,))[0]
        if embedding.type != "Embedding" or not size or embedding.params % size:
            return None
        classes = embedding.params // size
        kinds = [KERAS.get(label.type) for label in self.labels]
        join = "map" if "linear" in kinds else "concat"
        if KERAS[row.type] == "multiply":
            join = "product"
        fields: dict[str, object] = {"size": size}
        fields |= {"join": join} if join != "concat" else {}
        hidden = [k for k in kinds if k in ("relu", "leaky_relu")]
        fields |= {"hidden": hidden[0]} if hidden else {}
        self.sketch.classes = classes
        self.sketch.label = label_input(Width(classes), True).value
        count = sum(label.params for label in self.labels)
        self.labels = []
        short = {"embedding": size if list(fields) == ["size"] else fields}
        if not self.sketch.entries:
            self.sketch.condition = short
            return None
        return Entry("join_label", {"condition": short}, note=f"{count:,}", primary="condition")


def named(text: str, names: Iterable[str]) -> str | None:
    """The one of the names that a cell of `Connected to` means, which may be cut short."""
    text = text.rstrip("…")
    exact = [name for name in names if name == text]
    close = [name for name in names if name.startswith(text)]
    return next(iter(exact or close), None)
