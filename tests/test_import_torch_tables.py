"""Tables that torchsummary 1.5.1 and torchinfo 1.8.0 printed: solved from counts, or unknown."""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT

from ganspec.importing.python_file import UnreadableError, parse_input
from ganspec.importing.tables import import_tables
from ganspec.language.load import loads

TABLES = ROOT / "tests" / "summaries"
GAP = {"unknown": "not printed"}
WINDOW = {"kernel": GAP, "stride": GAP, "padding": GAP}
SLOPE = {"leaky_relu": {"slope": GAP}}
UPSAMPLED = {"upsample": {"mode": GAP}}
UP = [{"conv_transpose": {"out": n, "stride": 2, "bias": False}} for n in (32, 16, 3)]
# by the network that was printed, its input and its layers
LAYERS = {
    "generator": (
        "z:100",
        [
            {"reshape": [100, 1, 1]},
            {"conv_transpose": {"out": 64, "padding": 0, "bias": False, "stride": GAP}},
            *("norm", "relu", UP[0], "norm", "relu", UP[1], "norm", "relu", UP[2], "tanh"),
        ],
    ),
    "discriminator": (
        "x:3x32x32",
        [
            {"conv": {"out": 16, "kernel": 4, "stride": 2}},
            SLOPE,
            {"dropout": {"channels": True, "rate": GAP}},
            {"conv": {"out": 32, "stride": 2}},
            *("norm", SLOPE, {"max_pool": WINDOW}, "flatten", {"linear": 1}),
        ],
    ),
    "projected": (
        "z:100",
        [
            *({"linear": 2048}, {"reshape": [32, 8, 8]}, "norm", UPSAMPLED, {"conv": 32}),
            *("norm", SLOPE, UPSAMPLED, {"conv": 3}, "tanh"),
        ],
    ),
}
FUNCTIONS = "functions in `forward`, as F.relu and torch.cat, are not printed"


def read(name, printer, *inputs):
    path = TABLES / f"torch_{name}_{printer}.txt"
    return import_tables([path], list(map(parse_input, inputs)))


@pytest.mark.parametrize("printer", ["torchsummary", "torchinfo"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_solved_and_the_rest_is_unknown(name, printer):
    start, layers = LAYERS[name]
    found = read(name, printer, start)
    role = "discriminator" if name == "discriminator" else "generator"
    network = yaml.safe_load(found.text)[role]
    assert network["layers"] == layers
    hidden = {"eps": GAP, "momentum": GAP, "statistics": GAP}
    assert network["normalization"] == {"batch": hidden}
    assert network["unknown"][0] == FUNCTIONS
    assert any("padding_mode of Conv2d" in fact for fact in network["unknown"]) == (
        any("conv" in layer for layer in layers)
    )
    assert found.verified[role].endswith("parameters, as printed")
    assert not found.is_equal
    assert loads(found.text).framework == "torch"


def test_settings_of_an_average_that_no_shape_tells_are_unknown(tmp_path):
    path = tmp_path / "table.txt"
    rows = [("AvgPool2d-1", "[-1, 3, 4, 4]", "0"), ("Linear-2", "[-1, 1]", "49")]
    lines = ["Layer (type)               Output Shape         Param #", "=" * 64]
    lines += [f"{name:>20} {shape:>26} {count:>15}" for name, shape, count in rows]
    path.write_text("\n".join([*lines, "=" * 64, "Total params: 49"]) + "\n")
    found = import_tables([path], [parse_input("x:3x8x8")])
    network = yaml.safe_load(found.text)["discriminator"]
    assert network["layers"][0] == {"avg_pool": {**WINDOW, "count_padding": GAP}}
    assert any("ceil_mode" in fact for fact in network["unknown"])


def test_what_a_module_of_the_users_does_is_unknown():
    found = read("residual", "torchsummary", "x:3x32x32")
    layers = yaml.safe_load(found.text)["discriminator"]["layers"]
    assert layers[:4] == [
        {"conv": {"out": 16, "kernel": 4, "stride": 2}},
        {"conv": 16},
        "norm",
        {"conv": 16},
    ]
    assert layers[4] == {"unknown": "ResBlock-5 (ResBlock) (16 x 16 x 16)"}


def test_other_columns_and_names_of_attributes_are_no_obstacle():
    """This table has five columns and `Conv2d (first): 1-1`; 160 of its weights have no row."""
    found = read("residual", "torchinfo", "x:3x32x32")
    layers = yaml.safe_load(found.text)["discriminator"]["layers"]
    assert layers[0] == {"conv": {"out": 16, "kernel": 4, "stride": 2}}
    assert found.verified["discriminator"].startswith("5,473 parameters, not 5,633")


BAD = {
    "has no line": "Layer (type)  Param #  Output Shape\n  Conv2d-1   392   [-1, 8, 8, 8]\n"
    "  Conv2d-1   [-1, 8, 8, 8]   392\n",
    "has no layers": "Layer (type:depth-idx)  Output Shape  Param #\n====\nTotal params: 5\n",
}


@pytest.mark.parametrize("message", BAD)
def test_a_table_that_cannot_be_read_is_one_line(message, tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(BAD[message])
    with pytest.raises(UnreadableError, match=message):
        import_tables([path], [])


def test_tables_of_two_frameworks_are_refused():
    keras = TABLES / "dcgan_keras_discriminator_plain.txt"
    paths = [keras, TABLES / "torch_generator_torchinfo.txt"]
    inputs = [parse_input("z:100"), parse_input("x:3x32x32")]
    with pytest.raises(UnreadableError, match="one table is of Keras, one of torch"):
        import_tables(paths, inputs)
