"""Import of printed Keras tables: specs have the printed counts, and doubts are reported."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.lower import lower
from ganspec.importing.network import NetworkDraft
from ganspec.importing.python_file import UnreadableError, parse_input
from ganspec.importing.summary import read_tables
from ganspec.importing.system import draft_spec, text_of
from ganspec.importing.tables import import_tables
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.program.measure import costs, totals

TABLES = ROOT / "tests" / "summaries"  # printed by Keras 3.15; `_plain` as Keras 2 laid them out
# Layers of which a table tells nothing but that they are there, and what may stand beside them.
UNSEEN = ("relu", "leaky_relu", "tanh", "sigmoid", "softmax", "dropout", "unknown")
REPORTS = {
    "dcgan_fashion_generator": ("dcgan_fashion", "generator", "z:100"),
    "dcgan_fashion_discriminator": ("dcgan_fashion", "discriminator", "x:1x28x28"),
    "dcgan_keras_discriminator": ("dcgan_keras", "discriminator", "x:3x32x32"),
    "denoising_fashion": ("denoising_fashion", "autoencoder", "x:1x28x28"),
    "classifier_fashion": ("classifier_fashion", "classifier", "x:1x28x28"),
}
GAP = {"unknown": "not printed"}
WINDOW = {"kernel": GAP, "stride": GAP, "padding": GAP}
COUNTS = {
    "dcgan_fashion_generator": {"total": 2_330_944, "trainable": 2_305_472, "buffers": 25_472},
    "dcgan_fashion_discriminator": {"total": 212_865, "trainable": 212_865, "buffers": 0},
    "dcgan_keras_discriminator": {"total": 522_497, "trainable": 522_497, "buffers": 0},
    "denoising_fashion": {"total": 12_360, "trainable": 12_360, "buffers": 0},
    "classifier_fashion": {"total": 1_679_082, "trainable": 1_677_674, "buffers": 1_408},
}


def imported(*names, inputs=()):
    return import_tables([TABLES / f"{name}.txt" for name in names], list(map(parse_input, inputs)))


def seen(net):
    """Return the calls of a network that a table tells of, without what it does not print."""
    return [
        (
            step.call.target,
            step.call.args,
            {k: v for k, v in step.call.kwargs.items() if k not in ("eps", "momentum")},
            step.output.shape,
        )
        for step in net.steps
        if step.origin.kind not in UNSEEN
    ]


def refusals(spec):
    with pytest.raises(SpecError) as refused:
        ganspec.check(spec)
    return {each.code for each in refused.value.diagnostics}


@pytest.mark.parametrize("style", ["box", "plain"])
@pytest.mark.parametrize("with_input", [True, False])
@pytest.mark.parametrize("name", REPORTS)
def test_tables_of_the_reports(name, style, with_input):
    report, role, start = REPORTS[name]
    found = imported(f"{name}_{style}", inputs=[start] if with_input else [])
    spec, known = loads(found.text), ganspec.load(ROOT / "specs" / f"{report}.yaml")
    net, theirs = lower(spec)[role], lower(known)[role]
    assert totals(costs(net)) == COUNTS[name]
    assert found.verified == {role: f"{COUNTS[name]['total']:,} parameters, as printed"}
    assert spec.report.layers[role] == known.report.layers[role]
    assert refusals(spec) == {"not-read"}  # the claims hold
    assert seen(net) == seen(theirs)
    doubts = "\n".join(found.warnings)
    assert ("does not print the network's input shape" in doubts) is not with_input
    assert "activations inside a layer" in doubts


def test_two_tables_make_one_gan():
    found = imported("dcgan_fashion_generator_plain", "dcgan_fashion_discriminator_box")
    spec = loads(found.text)
    assert set(found.verified) == {"generator", "discriminator"}
    assert int(spec.latent.size) == 100
    assert "100, or 99" in "\n".join(found.warnings)
    assert not any("discriminator: the table does not print" in w for w in found.warnings)


def test_both_styles_and_one_file_of_both_tables_say_the_same(tmp_path):
    names = ["dcgan_fashion_generator", "dcgan_fashion_discriminator"]
    whole = tmp_path / "report.txt"
    whole.write_text("\n\n".join((TABLES / f"{name}_plain.txt").read_text() for name in names))
    one = yaml.safe_load(import_tables([whole], []).text)
    two = yaml.safe_load(imported(*(f"{name}_box" for name in names)).text)
    for data in (one, two):
        data.pop("name")
        data.pop("doc")
    assert one == two


def test_the_label_and_named_layers_are_found_in_connected_to():
    text = imported("cgan_fashion_discriminator_box").text
    data = yaml.safe_load(text)
    assert data["discriminator"]["condition"] == {"embedding": {"size": 50, "join": "map"}}
    assert data["condition"] == {"kind": "classes", "size": 10}
    layers = yaml.safe_load(imported("unet_box").text)["autoencoder"]["layers"]
    assert layers[:5] == [
        {"conv": {"out": 8, "dilation": GAP, "as": "skip2"}},
        {"max_pool": WINDOW},
        {"conv": {"out": 16, "dilation": GAP, "as": "skip"}},
        {"conv": {"out": 16, "dilation": GAP}},
        {"add": "skip"},
    ]
    assert {"concat": "skip2"} in layers


def table(*rows, total=None):
    """Return a table in Keras 2's style."""
    lines = ['Model: "m"', f"{'Layer (type)':<30}{'Output Shape':<26}Param #", "=" * 66]
    lines += [f"{name:<30}{shape:<26}{count}" for name, shape, count in rows]
    return "\n".join([*lines, f"Total params: {total or sum(r[2] for r in rows):,}"])


def connected(*rows, total):
    """Return a table of a functional model, each layer with what it reads."""
    lines = ["{:<30}{:<26}{:<10}{}".format(*map(str, row)) for row in rows]
    head = f"{'Layer (type)':<30}{'Output Shape':<26}{'Param #':<10}Connected to"
    return "\n".join([head, "=" * 80, *lines, f"Total params: {total:,}"])


def of(tmp_path, text, *inputs):
    path = tmp_path / "table.txt"
    path.write_text(text)
    return import_tables([path], list(map(parse_input, inputs)))


@pytest.mark.parametrize(
    ("inputs", "role"), [(["x:784"], "autoencoder"), (["z:784"], "generator"), ([], "generator")]
)
def test_a_vector_that_the_user_calls_x_is_an_image(tmp_path, inputs, role):
    text = table(("d (Dense)", "(None, 32)", 784 * 32 + 32), ("e (Dense)", "(None, 784)", 25872))
    if not inputs:  # the table prints the shape
        text = text.replace("d (Dense)", "i (InputLayer)                (None, 784)  0\nd (Dense)")
    assert role in yaml.safe_load(of(tmp_path, text, *inputs).text)


CASES = {
    # kernel and bias from the count, stride and padding from the shape
    ("c (Conv2D)", "(None, 24, 24, 8)", 608): {"conv": {"out": 8, "kernel": 5, "padding": "valid"}},
    ("c (Conv2D)", "(None, 14, 14, 8)", 216): {"conv": {"out": 8, "stride": 2, "bias": False}},
    ("c (Conv2DTr", "(None, 56, 56, 8)", 392): {"conv_transpose": {"out": 8, "stride": 2}},
    ("d (Dense)", "(None, 28, 28, 8)", 32): {"conv": {"out": 8, "kernel": 1}},
    ("b (BatchNormalization)", "(None, 28, 28, 3)", 12): {
        "batch_norm": {"eps": GAP, "momentum": GAP}
    },
    ("b (BatchNormalization)", "(None, 28, 28, 3)", 9): {
        "batch_norm": {
            "scale": GAP | {"guess": False},
            "eps": GAP,
            "momentum": GAP,
            "center": GAP,
        }
    },
    ("b (BatchNormalization)", "(None, 28, 28, 3)", 6): {
        "batch_norm": {"scale": False, "center": False, "eps": GAP, "momentum": GAP}
    },
    ("p (AveragePooling2D)", "(None, 14, 14, 3)", 0): {"avg_pool": WINDOW},
    ("p (MaxPooling2D)", "(None, 9, 9, 3)", 0): {
        "max_pool": WINDOW | {"kernel": GAP | {"guess": 3}}
    },
    ("p (MaxPooling2D)", "(None, 13, 13, 3)", 0): {
        "max_pool": WINDOW | {"kernel": GAP | {"guess": 3}, "stride": GAP | {"guess": 2}}
    },
    ("z (ZeroPadding2D)", "(None, 32, 32, 3)", 0): {"pad": {"size": GAP | {"guess": 2}}},
    ("u (UpSampling2D)", "(None, 84, 84, 3)", 0): {"upsample": {"factor": 3, "mode": GAP}},
    ("c (Conv2D)", "(None, 28, 28, 8)", 608): {"conv": {"out": 8, "kernel": 5, "dilation": GAP}},
    ("n (GroupNormalization)", "(None, 28, 28, 3)", 6): {
        "group_norm": {"groups": GAP | {"guess": 1}, "eps": GAP}
    },
    ("n (LayerNormalization)", "(None, 28, 28, 3)", 6): {"layer_norm": {"eps": GAP}},
    ("p (PReLU)", "(None, 28, 28, 3)", 1): {"prelu": {"slope": GAP}},
    ("e (ELU)", "(None, 28, 28, 3)", 0): {"elu": {"alpha": GAP}},
    ("s (SpatialDropout2D)", "(None, 28, 28, 3)", 0): {"dropout": {"channels": True, "rate": GAP}},
    ("n (GaussianNoise)", "(None, 28, 28, 3)", 0): {"noise": {"std": GAP}},
    ("a (Activation)", "(None, 28, 28, 3)", 0): {"unknown": "a (Activation) (3 x 28 x 28)"},
    ("g (GlobalAveragePooling2D)", "(None, 3)", 0): "mean_pool",
}


@pytest.mark.parametrize("row", CASES, ids=lambda r: f"{r[0]} {r[2]}")
def test_fields_are_solved_from_shapes_and_counts(row, tmp_path):
    first = ("i (InputLayer)", "[(None, 28, 28, 3)]", 0)
    size = math.prod(map(int, re.findall(r"\d+", row[1])))
    last = ("f (Flatten)", f"(None, {size})", 0), ("d (Dense)", "(None, 1)", size + 1)
    found = of(tmp_path, table(first, row, *last))
    network = yaml.safe_load(found.text)["discriminator"]
    expected = CASES[row]
    if "norm" in (kind := next(iter(expected))):
        assert network["normalization"] == {kind.removesuffix("_norm"): expected[kind]}
        expected = "norm"
    assert network["layers"][0] == expected
    assert found.verified["discriminator"].endswith("parameters, as printed")
    assert refusals(loads(found.text)) == {"not-read"}


SAID = {
    "ReLU": "max_value, negative_slope and threshold of ReLU are not printed",
    "Softmax": "the axis of Softmax is not printed",
    "Conv2D": "groups of Conv2D are not printed; kernels are solved for one group",
}


@pytest.mark.parametrize("kind", SAID)
def test_arguments_without_a_field_are_unknown_parts_of_the_network(kind, tmp_path):
    rows = [
        ("i (InputLayer)", "[(None, 8, 8, 3)]", 0),
        (f"a ({kind})", "(None, 8, 8, 3)", 84 if kind == "Conv2D" else 0),
        ("f (Flatten)", "(None, 192)", 0),
        ("d (Dense)", "(None, 1)", 193),
    ]
    found = of(tmp_path, table(*rows))
    assert SAID[kind] in yaml.safe_load(found.text)["discriminator"]["unknown"]
    assert f"discriminator: not read: {SAID[kind]}" in found.warnings
    assert "report:" in found.text  # the counts are known all the same


def test_every_layer_counts_in_the_warnings_of_a_shared_normalization():
    warnings = imported("dcgan_fashion_generator_box").warnings
    for name in ("eps", "momentum"):
        assert f"generator: not read: batch_norm {name} (3 times)" in warnings


def test_a_dilation_that_the_table_tells_is_not_unknown(tmp_path):
    """A stride excludes a dilation in Keras, and under `valid` a dilation changes the shape."""
    rows = [
        ("i (InputLayer)", "[(None, 28, 28, 3)]", 0),
        ("a (Conv2D)", "(None, 14, 14, 8)", 608),
        ("b (Conv2D)", "(None, 12, 12, 4)", 292),
        ("c (Conv2D)", "(None, 12, 12, 4)", 20),
        ("f (Flatten)", "(None, 576)", 0),
        ("d (Dense)", "(None, 1)", 577),
    ]
    layers = yaml.safe_load(of(tmp_path, table(*rows)).text)["discriminator"]["layers"]
    assert not any("dilation" in str(layer) for layer in layers)


def test_a_guessed_input_shape_is_an_unknown_part():
    found = imported("dcgan_fashion_generator_box")
    (first, _) = yaml.safe_load(found.text)["generator"]["unknown"]
    assert "guessed 100, or 99" in first
    assert len(yaml.safe_load(found.text)["report"]["layers"]["generator"]) == 7


def test_ambiguities_are_listed(tmp_path):
    """Without a gain or without a bias, a batch norm has as many numbers."""
    rows = [
        ("i (InputLayer)", "[(None, 8, 8, 3)]", 0),
        ("b (BatchNormalization)", "(None, 8, 8, 3)", 9),
    ]
    found = of(tmp_path, table(*rows))
    assert any("or scale true, center false" in w for w in found.warnings)
    assert "or scale true, center false" in found.text


def test_a_layer_that_is_not_known_is_said_and_the_rest_stands(tmp_path):
    rows = [
        ("i (InputLayer)", "[(None, 8, 8, 3)]", 0),
        ("s (SeparableConv2D)", "(None, 4, 4, 16)", 91),
        ("f (Flatten)", "(None, 256)", 0),
        ("d (Dense)", "(None, 1)", 257),
    ]
    found = of(tmp_path, table(*rows))
    assert any("not read: s (SeparableConv2D), 91 parameters" in w for w in found.warnings)
    spec = loads(found.text)
    assert lower(spec)["discriminator"].output.shape == (1,)
    assert "params" not in found.text.split("data:")[0]  # no claim that a stand-in cannot meet


def test_frozen_models_and_optimizers_are_seen_through(tmp_path):
    rows = [("i (InputLayer)", "[(None, 4)]", 0), ("d (Dense)", "(None, 1)", 5)]
    frozen = table(*rows) + "\nTrainable params: 0\nNon-trainable params: 5"
    assert "5 parameters, as printed" in of(tmp_path, frozen, "z:4").verified.values()
    compiled = table(*rows, total=17) + "\nTrainable params: 5\nNon-trainable params: 0\n"
    compiled += "Optimizer params: 12"
    assert "5 parameters, as printed" in of(tmp_path, compiled, "z:4").verified.values()
    other = compiled.replace("17", "18").replace("trainable params: 0", "trainable params: 1")
    (words,) = of(tmp_path, other, "z:4").verified.values()
    assert words.startswith("5 parameters, not 6;")


def test_a_table_without_a_total_is_said(tmp_path):
    rows = [("i (InputLayer)", "[(None, 4)]", 0), ("d (Dense)", "(None, 1)", 5)]
    text = table(*rows).replace("Total params: 5", "")
    words = "5 parameters, but the table prints no total"
    assert words in of(tmp_path, text, "z:4").verified.values()


def test_long_names_and_colours_are_read():
    text = (TABLES / "dcgan_fashion_generator_plain.txt").read_text()
    (found,) = read_tables(text, "t")
    assert [row.type for row in found.rows[:2]] == ["Dense", "BatchNormalization"]
    coloured = text.replace("12544", "\x1b[34m12544\x1b[0m")
    assert read_tables(coloured, "t")[0].rows == found.rows


BAD = {
    "has no line `Layer (type)": "nothing here",
    "has no layers": "Layer (type)   Output Shape   Param #\n====\nTotal params: 3",
    "does not print the network's input shape": table(("r (Reshape)", "(None, 4, 4, 8)", 0)),
    "is made of other models": table(("g (Sequential)", "(None, 4, 4, 3)", 99)),
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_no_table_is_one_line(message, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(BAD[message])
    result = CliRunner().invoke(app, ["import", "--summary", str(path), "--stdout"])
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_missing_file_and_a_picture_are_errors(tmp_path):
    with pytest.raises(UnreadableError, match="there is no file"):
        import_tables([Path("nothing.txt")], [])
    picture = tmp_path / "table.png"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UnreadableError, match="not text in UTF-8"):
        import_tables([picture], [])


def test_networks_of_different_images_are_named_in_any_order():
    networks = {
        "discriminator": NetworkDraft("D", (3, 16, 16), (1,), []),
        "generator": NetworkDraft("G", (8,), (3, 8, 8), []),
    }
    words = "^the generator makes 3 x 8 x 8, the discriminator reads 3 x 16 x 16; "
    with pytest.raises(UnreadableError, match=words):
        draft_spec("m", "m.txt", networks)


def test_a_map_that_is_no_image_is_refused_without_an_option_of_code(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(table(("c (Conv2D)", "(None, 8, 8, 1)", 28)))
    with pytest.raises(UnreadableError, match=r"or images of the same shape$"):
        import_tables([path], [parse_input("x:3x8x8")])


def test_tables_of_networks_of_two_systems_are_refused():
    names = ["dcgan_fashion_generator_box", "classifier_fashion_box", "denoising_fashion_box"]
    for several in (names, names[:2]):
        with pytest.raises(UnreadableError, match=r"no spec has .* and .* together"):
            imported(*several, inputs=["z:100", "x:1x28x28"])


def labelled(*activation):
    """Return the table of a generator that joins an embedded label, with a row after its Dense."""
    last = "a[0][0]" if activation else "d2[0][0]"
    rows = [
        ("label (InputLayer)", "[(None, 1)]", 0, ""),
        ("noise (InputLayer)", "[(None, 100)]", 0, ""),
        ("e (Embedding)", "(None, 1, 50)", 500, "label[0][0]"),
        ("d1 (Dense)", "(None, 6272)", 633_472, "noise[0][0]"),
        ("d2 (Dense)", "(None, 1, 49)", 2_499, "e[0][0]"),
        *activation,
        ("r1 (Reshape)", "(None, 7, 7, 1)", 0, last),
        ("r2 (Reshape)", "(None, 7, 7, 128)", 0, "d1[0][0]"),
        ("c (Concatenate)", "(None, 7, 7, 129)", 0, "r2[0][0]"),
        ("", "", "", "r1[0][0]"),
        ("t (Conv2DTranspose)", "(None, 28, 28, 1)", 18_577, "c[0][0]"),
    ]
    return connected(*rows, total=655_048)


def test_the_latent_is_the_input_that_the_first_layer_reads(tmp_path):
    """Keras prints a functional model's inputs in its own order, the label's first."""
    found = of(tmp_path, labelled())
    data = yaml.safe_load(found.text)
    assert data["latent"]["size"] == 100
    assert data["generator"]["layers"][0] == {"linear": 6272}
    assert {"join_label": {"embedding": {"size": 50, "join": "map"}}} in data["generator"]["layers"]


@pytest.mark.parametrize(
    ("row", "activation", "gap"),
    [
        ("ReLU", "relu", None),
        ("LeakyReLU", {"leaky_relu": {"slope": {"unknown": "not printed"}}}, "leaky_relu slope"),
        ("Activation", {"unknown": "a (Activation)"}, "embedding hidden"),
    ],
)
def test_the_activation_of_a_label_is_not_guessed(row, activation, gap, tmp_path):
    activation_row = (f"a ({row})", "(None, 1, 49)", 0, "d2[0][0]")
    found = of(tmp_path, labelled(activation_row))
    layers = yaml.safe_load(found.text)["generator"]["layers"]
    embedding = {"size": 50, "join": "map", "hidden": activation}
    assert {"join_label": {"embedding": embedding}} in layers
    gaps = [w for w in found.warnings if "leaky_relu" in w or "hidden" in w]
    assert gaps == ([f"generator: not read: {gap}"] if gap else [])
    assert found.verified == {"generator": "655,048 parameters, as printed"}


@pytest.mark.parametrize("first", [False, True])
def test_a_second_vector_is_a_label_of_several_marks(first, tmp_path):
    rows = [
        ("a (InputLayer)", "[(None, 784)]" if first else "[(None, 28, 28, 1)]", 0, ""),
        ("b (InputLayer)", "[(None, 10)]", 0, ""),
        *([] if first else [("f (Flatten)", "(None, 784)", 0, "a[0][0]")]),
        ("c (Concatenate)", "(None, 794)", 0, "a[0][0]" if first else "f[0][0]"),
        ("", "", "", "b[0][0]"),
        ("d (Dense)", "(None, 1)", 795, "c[0][0]"),
    ]
    found = of(tmp_path, connected(*rows, total=795))
    data = yaml.safe_load(found.text)
    assert data["condition"] == {"kind": "multi_hot", "size": 10}
    assert found.verified == {"discriminator": "795 parameters, as printed"}
    assert refusals(loads(found.text)) == {"not-read"}


def test_a_spec_that_is_invalid_is_said_in_one_line(monkeypatch):
    """Its error would point into a text that nobody has seen."""
    write = lambda draft: text_of(draft).replace("size: 28", "size: -28")  # noqa: E731
    monkeypatch.setattr("ganspec.importing.tables.text_of", write)
    found = imported("classifier_fashion_plain")
    assert found.verified == {"classifier": "does not fit: `size` must be more than 0, got `-28`"}
    assert found.text.startswith("#") and "size: -28" in found.text


def test_a_first_row_without_outputs_is_refused_in_one_line(tmp_path):
    message = r"does not print the network's input shape; add --input, such as z:100"
    with pytest.raises(UnreadableError, match=message):
        of(tmp_path, connected(("d (Dense)", "(None, 0)", 0, ""), total=0))
