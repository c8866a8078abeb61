"""Rows of printed tables, whose cells may be cut short, and the kinds of layer of their classes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ganspec.importing.graph import Shape

SIDES = (28, 32, 48, 64, 96, 128, 256)  # usual sides of images, in pixels
# by name: the beginning of a line with a sum of parameters
TOTALS = {
    "total": r"^\s*Total params:",
    "trainable": r"^\s*Trainable params:",
    "buffers": r"^\s*Non-trainable params:",
    "optimizer": r"^\s*Optimizer params:",
}
# by framework: the sum that a table's total stands for; torch's lack running statistics
COUNTED = {"keras": "total", "torch": "trainable"}
# kinds of layer by Keras class; `embedding`, `input` and `multiply` are no kinds, and the function
# of an `Activation` may be another one than `relu`
KERAS = {
    "Activation": "relu",
    "Add": "add",
    "AveragePooling2D": "avg_pool",
    "BatchNormalization": "batch_norm",
    "Concatenate": "concat",
    "Conv2D": "conv",
    "Conv2DTranspose": "conv_transpose",
    "Dense": "linear",
    "Dropout": "dropout",
    "ELU": "elu",
    "Embedding": "embedding",
    "Flatten": "flatten",
    "GaussianNoise": "noise",
    "GlobalAveragePooling2D": "mean_pool",
    "GlobalMaxPooling2D": "global_max_pool",
    "GroupNormalization": "group_norm",
    "InputLayer": "input",
    "LayerNormalization": "layer_norm",
    "LeakyReLU": "leaky_relu",
    "MaxPooling2D": "max_pool",
    "Multiply": "multiply",
    "PReLU": "prelu",
    "ReLU": "relu",
    "Reshape": "reshape",
    "Softmax": "softmax",
    "SpatialDropout2D": "dropout",
    "UpSampling2D": "upsample",
    "ZeroPadding2D": "pad",
}
# kinds of layer by torch's class
TORCH = {
    "AvgPool2d": "avg_pool",
    "BatchNorm1d": "batch_norm",
    "BatchNorm2d": "batch_norm",
    "Conv2d": "conv",
    "ConvTranspose2d": "conv_transpose",
    "Dropout": "dropout",
    "Dropout2d": "dropout",
    "ELU": "elu",
    "Flatten": "flatten",
    "GELU": "gelu",
    "GroupNorm": "group_norm",
    "Identity": "identity",
    "InstanceNorm2d": "instance_norm",
    "LeakyReLU": "leaky_relu",
    "Linear": "linear",
    "MaxPool2d": "max_pool",
    "PReLU": "prelu",
    "ReLU": "relu",
    "SELU": "selu",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Tanh": "tanh",
    "Upsample": "upsample",
    "ZeroPad2d": "pad",
}
WINDOW = ("kernel", "stride", "padding")
# by class: the fields that are `unknown` in the spec, because neither output shape nor
# parameter count tells them; those not at their default get a guess
UNKNOWN = {
    "AveragePooling2D": WINDOW,
    "AvgPool2d": (*WINDOW, "count_padding"),
    "BatchNorm1d": ("eps", "momentum", "statistics"),
    "BatchNorm2d": ("eps", "momentum", "statistics"),
    "BatchNormalization": ("eps", "momentum"),
    "Dropout": ("rate",),
    "Dropout2d": ("rate",),
    "ELU": ("alpha",),
    "GELU": ("approximate",),
    "GaussianNoise": ("std",),
    "GroupNorm": ("groups", "eps"),
    "GroupNormalization": ("groups", "eps"),
    "InstanceNorm2d": ("eps",),
    "LayerNormalization": ("eps",),
    "LeakyReLU": ("slope",),
    "MaxPool2d": WINDOW,
    "MaxPooling2D": WINDOW,
    "PReLU": ("slope",),
    "SpatialDropout2D": ("rate",),
    "UpSampling2D": ("mode",),
    "Upsample": ("mode",),
    "ZeroPad2d": ("size",),
    "ZeroPadding2D": ("size",),
}


@dataclass
class Row:
    """A layer of a table; `shape` is channels first, without the batch, None if not printed.

    If `is_cut`, the table cuts the shape short in its last number, the channels. `sources` are the
    names of the rows that the layer reads, as printed; they may be cut short, too.
    """

    name: str
    type: str
    shape: Shape | None
    params: int
    sources: list[str]
    is_cut: bool = False
    framework: str = "keras"


@dataclass
class Table:
    """The printed table of one model; `totals` has its sums of parameters by the keys of TOTALS."""

    name: str
    rows: list[Row] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def framework(self) -> str:
        return self.rows[0].framework


def kind_of(row: Row) -> str:
    """Return the entry of a row's class in KERAS or TORCH; `""` if there is none."""
    return (TORCH if row.framework == "torch" else KERAS).get(row.type, "")


def full_type(row: Row) -> str:
    """Return the class of a row.

    If Keras's table cuts it short, return the class in KERAS that begins so. If there are several,
    or nothing is printed, the row's name decides, such as `conv2d_1`. If no class fits, return what
    is printed.
    """
    if row.framework == "torch" or row.type in KERAS:
        return row.type
    start = row.type.rstrip("…")
    close = [name for name in KERAS if start and name.startswith(start)]
    if len(close) == 1:
        return close[0]
    plain = row.name.replace("_", "").lower()
    named = [n for n in close or ([] if row.type else KERAS) if plain.startswith(n.lower())]
    return max(named, key=len, default=row.type)


def total_of(line: str) -> tuple[str, int] | None:
    """Return the key in TOTALS and the number of a line with a sum; None for another line."""
    for name, pattern in TOTALS.items():
        if match := re.match(pattern + r"\s*([\d,. ]*\d)", line):
            return name, int(re.sub(r"\D", "", match[1]))
    return None


def completed(row: Row) -> list[Row]:
    """Return a row for each number of channels that `row` may have: several if its shape is cut."""
    if not row.is_cut or row.shape is None:
        return [row]
    first, *rest = row.shape
    widths = [first, *(10 * first + i for i in range(10)), *(100 * first + i for i in range(100))]
    return [replace(row, shape=(width, *rest)) for width in widths]


def fitting(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that a cell of `Connected to` can mean, several if it is cut short."""
    start, known = text.rstrip("…"), list(names)
    return [start] if start in known else [name for name in known if name.startswith(start)]


def named(text: str, names: Iterable[str]) -> str | None:
    """Return the name that a cell of `Connected to` means; None if it fits no name or several."""
    found = fitting(text, names)
    return found[0] if len(found) == 1 else None


def mentions(sources: list[str], rows: list[Row]) -> bool:
    """Return True if a cell of `Connected to` in `sources` can mean one of `rows`."""
    return any(fitting(text, [row.name for row in rows]) for text in sources)


def input_guesses(row: Row) -> list[Shape]:
    """Return the input shapes that a first row could read, the likeliest first."""
    if row.type in ("Dense", "Linear") and row.shape and row.shape[0]:
        sizes = {row.params // row.shape[0] - bias for bias in (0, 1)}
        round_first = sorted(sizes, key=lambda z: (z % 10 != 0 and z & (z - 1) != 0, z))
        return [(size,) for size in round_first if size > 0]
    if row.shape is None or len(row.shape) != 3:
        return []
    height, width = row.shape[1:]
    factors = [factor for factor in (1, 2) if height * factor in SIDES] or [1, 2]
    return [(c, height * factor, width * factor) for factor in factors for c in (1, 3)]
