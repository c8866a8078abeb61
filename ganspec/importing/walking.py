"""Conversion of a table to layers, row by row, with named values and the label."""

from __future__ import annotations

import math
from dataclasses import replace

from ganspec.importing.entries import Data, Entry
from ganspec.importing.graph import Shape, sized
from ganspec.importing.missing import shown, unread
from ganspec.importing.network import NetworkDraft
from ganspec.importing.python_file import UnreadableError
from ganspec.importing.rows import (
    Row,
    Table,
    completed,
    fitting,
    full_type,
    input_guesses,
    kind_of,
    mentions,
    named,
)
from ganspec.importing.solving import WIDEST, activation_of, solve
from ganspec.language.expr import Width
from ganspec.program.ir import label_input

FURTHER = "a further output"  # begins the text about an output that the spec leaves out


class Walk:
    """Conversion of one table to a `draft` of a network.

    `latent` and `image` are the shapes that the network's input may have; None if not known.
    """

    def __init__(self, table: Table, latent: Shape | None, image: Shape | None):
        self.table, self.latent, self.image = table, latent, image
        self.rows = [replace(row, type=full_type(row)) for row in table.rows]
        self.inputs = {r.name: r.shape for r in self.rows if r.type == "InputLayer" and r.shape}
        self.draft = NetworkDraft(table.name, (), (), [])
        self.shapes: dict[str, Shape] = {}  # output shapes by row
        self.names: dict[str, str] = {}  # names of values that a later layer reads, by row
        self.entries: dict[str, Entry] = {}  # the last layer of each row
        self.labels: list[Row] = []  # rows that only process the label
        self.before: Row | None = None  # the row whose layers were added last
        self.main = ""  # the input that the first layer reads
        self.running: Shape = ()  # output shape of the row `before`; at first that of the input
        self.is_lost = False  # True after a row whose shape is not known

    def run(self) -> None:
        """Fill the draft. Raises UnreadableError if there is no input shape or no layer."""
        self.drop_further_outputs()
        for row in self.rows:
            if row.type == "InputLayer":
                continue
            if self.is_label(row):
                self.labels.append(row)
                continue
            if self.before is None:
                self.draft.reads = self.running = self.start(row)
            self.take(row)
        self.draft.makes = self.running
        if not self.draft.reads:
            raise UnreadableError(f"the table `{self.table.name}` has no layers; print it whole")

    def drop_further_outputs(self) -> None:
        """Leave out the rows that only further outputs need, and note these outputs."""
        if not any(row.sources for row in self.rows):
            return  # a chain: each row reads the row before
        readers: dict[str, list[str]] = {row.name: [] for row in self.rows}
        for row in self.rows:
            for text in row.sources:
                for name in fitting(text, readers):
                    readers[name].append(row.name)
        ends = [row for row in self.rows if not readers[row.name]]
        main = next((row for row in ends if row.shape == (1,)), ends[-1] if ends else None)
        kept: set[str] = set()
        for row in reversed(self.rows):
            if row is main or kept & set(readers[row.name]):
                kept.add(row.name)
        for row in ends:
            if row is not main and row.type != "InputLayer":
                shape = sized(row.shape) if row.shape else "an unprinted shape"
                self.draft.unknown.append(f"{FURTHER} of {shape}: {row.name} ({row.type})")
        self.rows = [row for row in self.rows if row.name in kept or row.type == "InputLayer"]

    # -- the input ----------------------------------------------------------------------------

    def start(self, row: Row) -> Shape:
        """Return the shape of the input: printed, given by the user, or guessed from `row`.

        Raise UnreadableError if none is known.
        """
        if read := self.read_inputs(row):
            self.main = max(read, key=lambda name: math.prod(self.inputs[name]))
            return self.inputs[self.main]
        label = self.labels[0].shape if self.labels else None
        printed = [shape for shape in self.inputs.values() if shape != label]
        if printed and (row.shape is None or any(len(shape) in (1, 3) for shape in printed)):
            return max(printed, key=len)
        is_map = row.shape is not None and len(row.shape) == 3
        given = self.image if is_map else self.latent
        if given and solve(row, given):
            return given
        if row.framework == "torch" and self.latent and after_reshape(row, self.latent):
            return self.latent
        return self.guess(row)

    def read_inputs(self, row: Row) -> list[str]:
        """Return the names of the inputs that a row reads."""
        return [name for text in row.sources if (name := named(text, self.inputs))]

    def guess(self, row: Row) -> Shape:
        """Guess the network's input shape from its first row, and add a note.

        Raise UnreadableError if no shape fits.
        """
        solved = [(shape, s.layer) for shape in input_guesses(row) if (s := solve(row, shape))]
        square = [s for s, layer in solved if isinstance(getattr(layer, "kernel", 1), int)]
        shapes = square or [shape for shape, _ in solved]
        if not shapes:
            lack = "does not print the network's input shape; add"
            if self.latent or self.image:
                lack = "does not begin with a layer that reads a given input; correct"
            raise UnreadableError(
                f"the table `{self.table.name}` {lack} --input, such as z:100 or x:3x64x64"
            )
        likeliest, *others = map(sized, shapes[:4])
        doubt = f", or {' or '.join(others)}" if others else ""
        text = f"the table does not print the network's input shape; guessed {likeliest}{doubt}"
        (self.draft.unknown if others else self.draft.notes).append(f"{text}: set it with --input")
        return shapes[0]

    # -- rows ---------------------------------------------------------------------------------

    def take(self, row: Row) -> None:
        """Add the layers of one row."""
        for each in completed(row):
            entries = self.join(each) if joins(each) else self.plain(each)
            if entries is not None:
                self.running = each.shape or self.running
                break
        if entries is None:
            after = self.running if row.shape is None or row.is_cut else row.shape
            text = f"{row.name} ({row.type})"
            text += f", {row.params:,} parameters" if row.params else ""
            text += ", its shape cut short" if row.is_cut else ""
            seen = f"{text} ({shown(self.running, after)})"
            count = f"{row.params:,}" if row.params else ""
            entries = [unread(Entry(None, note=count), seen, self.running, after)]
            self.running, self.is_lost = after, row.is_cut
        self.draft.entries += entries
        self.shapes[row.name] = self.running
        if entries:
            self.entries[row.name] = entries[-1]
        self.before = row

    def plain(self, row: Row) -> list[Entry] | None:
        """Return the layers of a row, [] for a Flatten without effect; None if they are unknown."""
        if self.is_lost and row.type != "Flatten":  # the input is unknown, so many layers fit
            self.is_lost = row.is_cut
            return None
        if row.type == "Activation":
            return None  # the table does not print which function
        source = named(row.sources[0], self.shapes) if row.sources else None
        if row.sources and self.before and self.before.name.startswith(row.sources[0].rstrip("…")):
            source = None  # if the cell is cut short, it most likely names the row before
        start = self.shapes[source] if source else self.running
        if kind_of(row) == "reshape" and row.shape and len(row.shape) == 1:
            row = replace(row, type="Flatten")
        solution = solve(row, start) if start else None
        if solution is None and row.framework == "torch" and start:
            return after_reshape(row, start)
        if solution is None or (row.type == "Flatten" and len(start) == 1):
            return [] if row.type == "Flatten" else None
        entry = solution.entry(row)
        if source:
            entry.fields["from"] = self.name(source)
        return [entry]

    def name(self, row: str) -> str:
        """Return the name by which later layers read a row's output, a new one if it has none."""
        if row not in self.names:
            self.names[row] = f"skip{len(self.names) + 1}" if self.names else "skip"
            self.entries[row].fields["as"] = self.names[row]
        return self.names[row]

    def join(self, row: Row) -> list[Entry] | None:
        """Return the layers that join named values or the label; None if no layers fit.

        The list is empty if the network's `condition` joins the label.
        """
        kind = kind_of(row)
        if self.labels and mentions(row.sources, self.labels[-1:]):
            if row.is_cut and row.shape != self.joined(kind, [self.labels[-1].shape or ()]):
                return None
            return self.condition(row)
        if kind == "concat" and (entries := self.vector(row)) is not None:
            return entries
        sources = [named(text, self.shapes) for text in row.sources]
        last = self.before.name if self.before else None
        others = [source for source in sources if source is not None and source != last]
        is_known = None not in sources and kind != "multiply"
        if not is_known or not 0 < len(others) < len(sources):
            return None
        if row.shape and row.shape != self.joined(kind, [self.shapes[name] for name in others]):
            return None
        return [Entry(kind, {"value": self.name(source)}) for source in others]

    def joined(self, kind: str, others: list[Shape]) -> Shape:
        """Return the output shape of a row that joins values of shapes `others` to the last output.

        `kind` is `concat`, which adds up the channels, or a layer that keeps the last shape.
        """
        if kind != "concat":
            return self.running
        return (sum(s[0] for s in (self.running, *others) if s), *self.running[1:])

    # -- the label ----------------------------------------------------------------------------

    def is_label(self, row: Row) -> bool:
        """Return True if a row is an embedding of Keras or processes the label alone."""
        if row.type == "Embedding":
            return row.framework == "keras"  # a table of torch does not print what reads it
        return not joins(row) and mentions(row.sources[:1], self.labels)

    def vector(self, row: Row) -> list[Entry] | None:
        """Return in a list the layer that appends a multi-hot label; None if `row` does not do so.

        The list is empty if the network's `condition` appends the label.
        """
        others = [name for name in self.read_inputs(row) if name != self.main]
        if not self.main or len(others) != 1 or len(self.inputs[others[0]]) != 1:
            return None
        size = self.inputs[others[0]][0]
        if row.shape != (self.running[0] + size,):
            return None
        self.set_label(size, is_index=False)
        if not self.draft.entries:
            self.draft.condition = "concat"
            return []
        return [Entry("join_label", {"condition": "concat"})]

    def condition(self, row: Row) -> list[Entry] | None:
        """Return in a list the layer for the label's rows and for `row`, which joins the label.

        The list is empty if the network's `condition` expresses these rows. Return None if the
        label's rows do not begin with an embedding whose sizes are printed.
        """
        embedding = self.labels[0]
        size = (embedding.shape or (0,))[0]
        if embedding.type != "Embedding" or not size or embedding.params % size:
            return None
        fields: dict[str, Data] = {"size": size}
        if kind_of(row) == "multiply":
            fields["join"] = "product"
        elif any(label.type == "Dense" for label in self.labels):
            fields["join"] = "map"
        if hidden := activation_of(self.labels):
            fields["hidden"] = hidden
        self.set_label(embedding.params // size, is_index=True)
        count = sum(label.params for label in self.labels)
        self.labels = []
        short: Data = {"embedding": size if list(fields) == ["size"] else fields}
        if not self.draft.entries:
            self.draft.condition = short
            return []
        return [Entry("join_label", {"condition": short}, note=f"{count:,}")]

    def set_label(self, size: int, is_index: bool) -> None:
        self.draft.classes, self.draft.label = size, label_input(Width(size), is_index)


def joins(row: Row) -> bool:
    """Return True if a row adds, concatenates or multiplies the outputs of other rows."""
    return kind_of(row) in ("add", "concat", "multiply")


def after_reshape(row: Row, before: Shape) -> list[Entry] | None:
    """Return a reshape or flatten of `before`, and the row's layer after it; None if none fits.

    Tables of torch do not print the reshapes of a `forward`; the row's number of parameters tells
    them.
    """
    size = math.prod(before)
    sides = [side for side in range(1, WIDEST + 1) if size % side**2 == 0]
    shapes: list[Shape] = [(size // side**2, side, side) for side in sides]
    for shape in [(size,)] if len(before) == 3 else shapes:
        if solution := solve(row, shape):
            fields: dict[str, Data] = {} if len(shape) == 1 else {"shape": list(shape)}
            kind = "reshape" if fields else "flatten"
            return [Entry(kind, fields, note="not printed"), solution.entry(row)]
    return None
