"""`ganspec import`: specs compute what the code does, and what cannot be read is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, SPECS, emit_networks
from hypothesis import HealthCheck, given, settings
from test_properties import sized, specs
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.importing.python_file import UnreadableError, parse_input, parse_settings
from ganspec.importing.source import EQUAL, import_file
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.program.ir import Net, plain

DCGAN = ROOT / "tests" / "imported" / "dcgan.py"
PIECES = ROOT / "tests" / "imported" / "pieces.py"


def imported(path, classes, *inputs, **settings):
    return import_file(path, classes, [parse_input(text) for text in inputs], settings)


def program(net: Net) -> list:
    """Return a network's calls and the inputs of each, blocks opened, without names."""
    found = []

    def follow(net, inputs):
        values = dict(zip((i.value.id for i in net.inputs), inputs, strict=True))
        for step in net.steps:
            given = [values[i] for i in step.inputs]
            call = step.call
            if isinstance(call.target, Net):
                (values[step.output.id],) = follow(call.target, given)
                continue
            options = {k: repr(plain(v)) for k, v in sorted(call.kwargs.items())}
            wraps = [(w.target, w.kwargs) for w in call.wraps]
            found.append((call.target, plain(call.args), options, wraps, given))
            values[step.output.id] = len(found)
        return [values[value.id] for value in net.outputs.values()]

    found.append(follow(net, [-i for i, _ in enumerate(net.inputs)]))
    return found


def assert_equal_programs(mine: dict[str, Net], theirs: dict[str, Net]) -> None:
    """Equal calls on equal values, and equal bits of initial weights from one seed."""
    assert list(mine) == list(theirs)
    for key, net in mine.items():
        assert program(net) == program(theirs[key]), key
        weights = []
        for each in (net, theirs[key]):
            torch.manual_seed(3)
            weights.append(list(evaluate(each).state_dict().values()))
        assert all(map(torch.equal, *weights)), key


def inputs_of(spec) -> list[str]:
    shape = "x".join(map(str, spec.data.shape))
    found = [f"x:{shape}"]
    if latent := getattr(spec, "latent", None):
        found.append(f"z:{latent.size}")
    if label := getattr(spec, "condition", None):
        found.append(f"y:{'class' if label.kind == 'classes' else ''}{label.size}")
    return found


READ = [path for path in SPECS if path.stem != "vae_fashion"]  # import knows one or two networks


@pytest.mark.parametrize("path", READ, ids=lambda p: p.stem)
def test_every_emitted_file_imports_back_to_its_program(path):
    spec = ganspec.load(path, ["vars.ch=8"])
    source = ROOT / "generated" / f"{spec.name}.py"
    classes = {key: key.capitalize() for key in spec.networks}
    if len(classes) == 1:
        classes = {"network": next(iter(classes.values()))}
    found = imported(source, classes, *inputs_of(spec), ch=8)
    assert set(found.verified.values()) == {EQUAL}
    guessed = "classifier" in spec.networks and "is read as scores of classes" in str(
        found.warnings
    )
    assert guessed or not found.warnings
    assert_equal_programs(lower(loads(found.text)), lower(spec))


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=specs())
def test_random_networks_import_back(data, tmp_path_factory):
    try:
        spec = loads(json.dumps(sized(data)))
        nets = lower(spec)
    except SpecError:
        return
    path = tmp_path_factory.mktemp("random") / "random.py"
    path.write_text(emit_networks(nets))
    classes = {key: net.name for key, net in nets.items()}
    found = imported(path, classes, *inputs_of(spec))
    mine = lower(loads(found.text))
    for key, net in nets.items():
        if found.verified[key] != EQUAL:  # of a layer's own `init`, which is not read
            assert '"init"' in json.dumps(data[key]["layers"]), found.text
            assert found.verified[key] == f"{EQUAL}, but not its initial weights"
        else:
            assert program(mine[key]) == program(net), found.text


# -- PyTorch's DCGAN example ------------------------------------------------------------------


def test_the_dcgan_example_becomes_the_spec_that_people_write():
    classes = {"generator": "Generator", "discriminator": "Discriminator"}
    found = imported(DCGAN, classes, "z:100", ngpu=1)
    assert set(found.verified.values()) == {EQUAL}
    data, known = yaml.safe_load(found.text), ganspec.load(ROOT / "specs" / "dcgan.yaml")
    assert data["vars"] == {"nz": 100, "ngf": 64, "ndf": 64}
    assert data["generator"]["normalization"] == "batch"
    assert data["generator"]["layers"] == [
        {"reshape": ["nz", 1, 1]},
        {"conv_transpose": {"out": "8 * ngf", "padding": 0, "bias": False}},
        "norm",
        "relu",
        {
            "repeat": {
                "with": {"c": ["4 * ngf", "2 * ngf", "ngf"]},
                "layers": [
                    {"conv_transpose": {"out": "c", "stride": 2, "bias": False}},
                    "norm",
                    "relu",
                ],
            }
        },
        {"conv_transpose": {"out": 3, "stride": 2, "bias": False}},
        "tanh",
    ]
    mine, theirs = lower(loads(found.text)), lower(known)
    assert program(mine["generator"]) == program(theirs["generator"])
    score = program(theirs["discriminator"])
    assert program(mine["discriminator"])[: len(score) - 1] == score[:-1]  # and a sigmoid
    assert {each.code for each in ganspec.check(loads(found.text))} == {"not-read"}
    assert found.is_equal


# -- what people write ------------------------------------------------------------------------

NETWORKS = {
    "UNet": ("x:3x16x16", "autoencoder"),
    "Residual": ("x:3x8x8", "discriminator"),
    "Functional": ("x:3x16x16", "discriminator"),
    "OlderNorms": ("x:3x8x8", "discriminator"),
    "Vectors": ("z:10", "generator"),
    "ByTheBatch": ("z:10", "generator"),
    "Labelled": ("z:8 y:class4", "generator"),
    "Embedded": ("x:1x8x8 y:class4", "discriminator"),
    "Planes": ("x:3x8x8 y:6", "discriminator"),
    "Reversed": ("y:class4 z:8", "generator"),
    "TwoHeads": ("x:3x8x8", "discriminator"),
}


def layers_of(name):
    inputs, role = NETWORKS[name]
    found = imported(PIECES, {"network": name}, *inputs.split())
    return found, yaml.safe_load(found.text)[role]["layers"]


@pytest.mark.parametrize("name", NETWORKS)
def test_code_of_many_manners_is_expressed(name):
    found, layers = layers_of(name)
    assert list(found.verified.values()) == [EQUAL]
    assert layers == EXPECTED[name], found.text
    ganspec.check(loads(found.text))


EXPECTED = {
    "UNet": [
        {"conv": {"out": 8, "kernel": 4, "stride": 2}},
        {"leaky_relu": {"slope": 0.2, "as": "skip"}},
        {"conv": {"out": 16, "kernel": 4, "stride": 2}},
        "relu",
        {"conv_transpose": {"out": 8, "stride": 2, "as": "skip2"}},
        {"concat": {"value": "skip2", "from": "skip"}},
        {"conv_transpose": {"out": 3, "stride": 2}},
        "tanh",
    ],
    "Residual": [{"block": 8}, {"block": 16}, "mean_pool", {"linear": 1}],
    "Functional": [
        {"conv": {"out": 4, "kernel": 5}},
        "avg_pool",
        {"elu": 0.5},
        "upsample",
        {"dropout": 0.3},
        {"max_pool": {"kernel": 3, "stride": 2, "padding": 1}},
        "sum_pool",
        {"linear": 1},
        "sigmoid",
    ],
    "OlderNorms": [
        {"conv": {"out": 4, "stride": 2, "weight_norm": "weight"}},
        "flatten",
        {"linear": {"out": 1, "weight_norm": "spectral"}},
    ],
    "Vectors": [{"linear": 784}, "tanh", {"reshape": [1, 28, 28]}],
    "ByTheBatch": [
        {"linear": 36},
        {"batch_norm": {"statistics": "batch"}},
        "relu",
        {"reshape": [4, 3, 3]},
        {"conv": 1},
        {"batch_norm": {"statistics": "batch", "scale": False, "center": False}},
        "tanh",
    ],
    "Labelled": [{"project": [4, 8, 8]}, {"conv": 3}, "tanh"],
    "Embedded": ["flatten", {"join_label": {"embedding": 5}}, {"linear": 1}],
    "Planes": [{"conv": {"out": 4, "stride": 2}}, "flatten", {"linear": 1}],
    "Reversed": [{"project": [3, 4, 4]}, "norm", "tanh"],
    "TwoHeads": [
        {"conv": {"out": 4, "stride": 2}},
        "flatten",
        {"auxiliary": [{"linear": 6}, "relu"]},
        {"linear": 1},
    ],
}


def test_conditions_are_found():
    conditions = {
        "Labelled": {"embedding": {"join": "product"}},
        "Planes": {"channel": {"hidden": "relu"}},
    }
    for name, condition in conditions.items():
        found, _ = layers_of(name)
        assert yaml.safe_load(found.text)[NETWORKS[name][1]]["condition"] == condition


def test_what_is_not_expressed_is_unknown_in_the_spec():
    found = imported(PIECES, {"network": "Inexpressible"}, "x:3x8x8")
    notes = [w.partition("not read: ")[2] for w in found.warnings if "not read" in w]
    assert len(notes) == 4
    for words in ("hardswish (4 x 8 x 8)", "Attention at `attention`", "`twice` is called 2 times"):
        assert any(words in note for note in notes), words
    assert any("never.weight" in note for note in notes)
    assert "not compared: 4 of its parts were not read" in found.verified.values()
    with pytest.raises(SpecError) as refused:
        ganspec.check(loads(found.text))
    messages = [each.message for each in refused.value.diagnostics]
    for note in notes:
        assert any(note in message for message in messages), note


def test_a_branch_of_nothing_expressed_still_makes_a_spec():
    found = imported(PIECES, {"network": "Nothing"}, "x:3x8x8")
    assert 'unknown: "hardswish (3 x 8 x 8)"' in found.text
    lower(loads(found.text))


def test_a_difference_is_said(monkeypatch):
    """A layer that was taken for another does not pass for equal."""
    from ganspec.importing import matching

    monkeypatch.setattr(matching, "expresses", lambda net, segment: True)
    found = imported(PIECES, {"network": "Functional"}, "x:3x16x16")
    assert EQUAL not in found.verified.values()


# -- the command ------------------------------------------------------------------------------


def run(*words):
    return CliRunner().invoke(app, ["import", *map(str, words)])


def test_the_command_writes_once_and_never_over_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [f"{PIECES}:Vectors", "--input", "z:10"]
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert "pieces.yaml written" in result.output
    assert f"generator: {EQUAL}" in result.output
    text = Path("pieces.yaml").read_text()
    again = run(*words)
    assert again.exit_code == 2
    assert "exists and is not overwritten" in again.output
    assert Path("pieces.yaml").read_text() == text
    assert run(*words, "--stdout").stdout.startswith(text)


def test_a_constructor_of_any_arguments_takes_every_setting(tmp_path):
    path = tmp_path / "open.py"
    path.write_text(
        "from torch import nn\n\n\nclass G(nn.Linear):\n    def __init__(self, **options):\n"
        "        super().__init__(options['nz'], 784)\n"
    )
    found = imported(path, {"network": "G"}, "z:10", nz=10)
    assert found.verified == {"generator": EQUAL}


@pytest.mark.parametrize(
    ("size", "role", "last"),
    [(64, "autoencoder", {"reshape": [1, 8, 8]}), (9, "classifier", {"linear": 9})],
)
def test_a_vector_that_is_called_x_is_an_image(size, role, last, tmp_path):
    path = tmp_path / "flat.py"
    path.write_text(
        "from torch import nn\n\n\nclass N(nn.Sequential):\n    def __init__(self):\n"
        f"        super().__init__(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, {size}))\n"
    )
    found = imported(path, {"network": "N"}, "x:64")
    assert found.verified == {role: EQUAL}
    layers = yaml.safe_load(found.text)[role]["layers"]
    assert layers[0] == "flatten"
    assert layers[-1] == last
    assert imported(path, {"network": "N"}, "z:64").verified == {"generator": EQUAL}


def test_a_latent_of_any_shape_is_reshaped_from_a_vector(tmp_path):
    path = tmp_path / "mapped.py"
    path.write_text(
        "from torch import nn\n\n\nclass G(nn.ConvTranspose2d):\n    def __init__(self):\n"
        "        super().__init__(2, 3, 4, 2, 1)\n"
    )
    found = imported(path, {"generator": "G"}, "z:2x4x4")
    assert found.verified == {"generator": EQUAL}
    spec = yaml.safe_load(found.text)
    assert spec["latent"]["size"] == 32
    assert spec["generator"]["layers"][0] == {"reshape": [2, 4, 4]}


BAD = {
    "there is no file": ["nothing.py:Generator"],
    "has no network `Nope`": [f"{PIECES}:Nope"],
    "needs `ngpu`; add --with ngpu=...": [f"{DCGAN}:Generator", "--input", "z:100"],
    "no constructor takes `depth`": [f"{PIECES}:UNet", "--with", "depth=2"],
    "has no value that can be read": [f"{PIECES}:UNet", "--with", "depth=open('x')"],
    "is no tensor; write": [f"{PIECES}:UNet", "--input", "image:3"],
    "needs an input; add --input": [f"{PIECES}:UNet"],
    "reads 2 tensors": [f"{PIECES}:Labelled", "--input", "z:8"],
    "does not run on z:9 and y:class4": [
        f"{PIECES}:Labelled",
        "--input",
        "z:9",
        "--input",
        "y:class4",
    ],
    "does not run on x:5x16x16": [f"{PIECES}:UNet", "--input", "x:5x16x16"],
    "returns no tensor that depends on its inputs": [f"{PIECES}:Constant", "--input", "x:3x8x8"],
    "line 5: ZeroDivisionError": [f"{ROOT}/tests/imported/broken.py:Generator"],
    "name classes once": [f"{PIECES}"],
    "give a Python file": [],
    "depends on the label alone": [
        f"{PIECES}:LabelAlone",
        "--input",
        "z:8",
        "--input",
        "y:class4",
    ],
    "images of 1 or 3 channels": [f"{PIECES}:Wide", "--input", "x:7x8x8"],
}


@pytest.mark.parametrize("message", BAD)
def test_what_cannot_be_read_is_one_line(message):
    result = run(*BAD[message], "--stdout")
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("text", ["y:3x4", "y:class3x4", "x:class3", "z:1x2x3x4"])
def test_inputs_of_other_shapes_are_refused(text):
    with pytest.raises(UnreadableError, match="is no tensor; write"):
        parse_input(text)


def test_values_of_the_command_line_are_literals_or_words():
    assert parse_settings(["nz=100,widths=[64,32]", "bias=False,norm=batch,act='relu'"]) == {
        "nz": 100,
        "widths": [64, 32],
        "bias": False,
        "norm": "batch",
        "act": "relu",
    }
    options = parse_settings(["opt.size=32,opt.nz=8"])["opt"]
    assert (options.size, options.nz) == (32, 8)
    bad = (
        "nz",
        "nz=",
        "nz=__import__('os')",
        "1=2",
        "nz={'a': 1}",
        "opt=1,opt.a=2",
        "opt.a=2,opt=1",
        ".a=1",
        "a.=1",
    )
    for text in bad:
        with pytest.raises(UnreadableError):
            parse_settings([text])
