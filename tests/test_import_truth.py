"""Import tells the truth: forms of public code are read, refused, or unknown in the spec."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from conftest import ROOT
from test_import import imported, run
from test_import_summary import GAP, of
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.comparison.compare import compare
from ganspec.comparison.edits import Change
from ganspec.comparison.survey import survey
from ganspec.comparison.surveyed import SurveyedSystem
from ganspec.compiler.lower import lower
from ganspec.importing.python_file import UnreadableError
from ganspec.language.errors import SpecError
from ganspec.language.load import loads

FORMS = ROOT / "tests" / "imported" / "forms.py"
CONDITIONAL = {
    "CdcganGenerator": "z:16x1x1 y:10",
    "EmbeddedGenerator": "z:16x1x1 y:class10",
    "AcganGenerator": "z:20 y:class10",
    "ProjectionDiscriminator": "x:3x16x16 y:class10",
}
READ = {
    **CONDITIONAL,
    "AcganDiscriminator": "x:3x16x16",
    "ResnetDiscriminator": "x:3x16x16",
    "Pix2pixGenerator": "x:3x16x16",
    "BeganDiscriminator": "x:3x16x16",
    "Filled": "z:8",
}
UNREAD = {
    "CganGenerator": ("z:20 y:class10", "Embedding, cat (20 -> 30)"),
    "EmbeddedCritic": ("x:3x16x16 y:class10", "Embedding, reshape, cat"),
    "InfoganDiscriminator": ("x:3x16x16", "a further output of 2: linear"),
    "BigganGenerator": ("z:16 y:class10", "ConditionalNorm at `up.norm`"),
    "StyleGenerator": ("z:16", "weights that no layer uses: const"),
    "Vae": ("x:1x16x16", "a further output of 8: linear"),
    "EmaCritic": ("x:3x16x16", "weights that are not trained: features.0.weight"),
    "Detached": ("x:3x16x16", "gradients are cut: detach"),
    "GradientReversal": ("x:3x16x16", "gradients that the code defines: Reversed"),
    "AlwaysDropped": ("x:3x16x16", "a difference: outputs differ"),
    "BatchDeviation": ("x:3x16x16", "std, mean, expand"),
}
REFUSED = {
    "Pix2pixDiscriminator": ("x:3x16x16 x:3x16x16", "reads several images or latents"),
    "SrganGenerator": ("x:3x16x16", "makes maps of 3 x 32 x 32 from images of 3 x 16 x 16"),
    "StarganGenerator": ("x:3x16x16 y:5", "makes images from images and a label"),
}


def form(name, inputs):
    return imported(FORMS, {"network": name}, *inputs.split())


def refusal(spec):
    """Return the messages of `check`, which refuses the spec."""
    with pytest.raises(SpecError) as refused:
        ganspec.check(spec)
    assert {each.code for each in refused.value.diagnostics} == {"not-read"}
    return "\n".join(each.message for each in refused.value.diagnostics)


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_equal_and_passes_check(name):
    found = form(name, READ[name])
    assert found.is_equal, found.warnings
    spec = loads(found.text)
    ganspec.check(spec)
    for refused in (ganspec.emit, ganspec.Trainer):  # nothing says how it is trained
        with pytest.raises(SpecError, match="objective is not known"):
            refused(spec)


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_is_unknown_and_refused_by_check(name):
    inputs, seen = UNREAD[name]
    found = form(name, inputs)
    assert not found.is_equal
    assert any(seen in warning for warning in found.warnings), found.warnings
    spec = loads(found.text)
    assert seen in refusal(spec)
    with pytest.raises(SpecError):
        ganspec.build(spec)


@pytest.mark.parametrize("name", REFUSED)
def test_what_ganspec_has_no_network_for_is_refused_in_one_line(name):
    inputs, message = REFUSED[name]
    words = [word for each in inputs.split() for word in ("--input", each)]
    result = run(f"{FORMS}:{name}", *words, "--stdout")
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_conditions_of_maps_and_vectors_are_found():
    layers = yaml.safe_load(form("CdcganGenerator", "z:16x1x1 y:10").text)["generator"]["layers"]
    assert layers[:2] == [{"reshape": ["nz", 1, 1]}, {"join_label": "concat"}]
    found = yaml.safe_load(form("ProjectionDiscriminator", "x:3x16x16 y:class10").text)
    assert "projection" in found["discriminator"]["layers"]


def test_a_network_without_a_label_is_read_without_one():
    found = form("ProjectionDiscriminator", "x:3x16x16")
    assert "weights that no layer uses: l_y.weight" in found.text


def test_applied_initial_weights_are_found():
    found = form("Filled", "z:8")
    assert yaml.safe_load(found.text)["generator"]["init"] == "dcgan"


def test_a_softmax_after_the_auxiliary_classifier_is_kept():
    found = form("AcganDiscriminator", "x:3x16x16")
    layers = yaml.safe_load(found.text)["discriminator"]["layers"]
    assert {"auxiliary": {"softmax": True}} in layers


@pytest.mark.parametrize("end", ["data = open('no/such.bin')", "while True:\n    pass", "main()"])
def test_what_follows_the_networks_is_not_run(end, tmp_path):
    path = tmp_path / "script.py"
    body = "from torch import nn\n\n\nclass G(nn.Linear):\n    def __init__(self):\n"
    body += "        super().__init__(8, WIDTH)\n\n\nWIDTH = 3 * 64\n"
    path.write_text(f"{body}{end}\n")
    assert imported(path, {"network": "G"}, "z:8").verified


def test_a_lost_statement_before_the_networks_is_an_error(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("1 / 0\n\n\nclass G:\n    pass\n")
    with pytest.raises(UnreadableError, match="line 1: ZeroDivisionError"):
        imported(path, {"network": "G"}, "z:8")


def test_the_exit_status_says_what_was_read():
    assert run(f"{FORMS}:Filled", "--input", "z:8", "--stdout").exit_code == 0
    result = run(f"{FORMS}:Detached", "--input", "x:3x16x16", "--stdout")
    assert result.exit_code == 1
    assert "gradients are cut: detach" in result.output


# -- functions that differ far from 0, and weights trained in a way of their own ---------------

CRITIC = """
import torch
from torch import nn
from torch.nn import functional as F


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.c, self.f = nn.Linear(256, 1), nn.Identity()
        {init}

    def forward(self, x):
        x = self.b(self.a(x))
        return self.c({result}.float().flatten(1))
"""


def critic(tmp_path, result="F.relu(x)", init="pass"):
    path = tmp_path / "critic.py"
    path.write_text(CRITIC.format(result=result, init=init))
    return imported(path, {"network": "Critic"}, "x:3x8x8")


FAR = {
    "F.relu6(x)": "relu6 (4 x 8 x 8)",
    "F.hardtanh(x, -10, 10)": "hardtanh (4 x 8 x 8)",
    "F.relu(x).clamp(-1e4, 1e4)": "clamp (4 x 8 x 8)",
    "x.clamp(-1e9, 1e9)": "clamp (4 x 8 x 8)",
    "torch.nan_to_num(x)": "nan_to_num (4 x 8 x 8)",
    "x.double()": "double (4 x 8 x 8)",
    "x.half()": "half (4 x 8 x 8)",
    "nn.ReLU6()": "ReLU6 (4 x 8 x 8)",
    "nn.Hardtanh(-10, 10)": "Hardtanh (4 x 8 x 8)",
}


@pytest.mark.parametrize("code", FAR)
def test_what_cuts_large_numbers_or_casts_is_unknown(code, tmp_path):
    is_module = code.startswith("nn.")
    options = {"result": "self.f(x)", "init": f"self.f = {code}"} if is_module else {"result": code}
    found = critic(tmp_path, **options)
    assert not found.is_equal
    assert FAR[code] in refusal(loads(found.text))
    assert "dropout" not in found.text


NEAR = {
    "nn.CELU()": "elu",
    "nn.RReLU(0.2, 0.2)": {"leaky_relu": 0.2},
    "nn.Threshold(0, 0)": "relu",
    "nn.AlphaDropout(0.0)": {"dropout": 0.0},
}


@pytest.mark.parametrize("code", NEAR)
def test_other_names_of_one_function_are_read(code, tmp_path):
    found = critic(tmp_path, "self.f(x)", f"self.f = {code}")
    assert found.is_equal, found.warnings
    assert NEAR[code] in yaml.safe_load(found.text)["discriminator"]["layers"]


MIXED = """

class Mixin:
    def {method}(self, *inputs):
        return 2 * super().{method}(*inputs)


class Mixed(Mixin, nn.Conv2d):
    pass
"""


def test_a_mixin_without_a_forward_is_no_module_of_its_own(tmp_path):
    """One that changes what torch's module computes, by its `forward` or a method, is unknown."""
    path = tmp_path / "critic.py"
    for method, is_read in [("describe", True), ("forward", False), ("_conv_forward", False)]:
        code = CRITIC.format(result="x", init="self.a = Mixed(3, 4, 3, 1, 1)")
        path.write_text(code + MIXED.format(method=method))
        found = imported(path, {"network": "Critic"}, "x:3x8x8")
        assert found.is_equal == is_read, found.warnings
        first = yaml.safe_load(found.text)["discriminator"]["layers"][0]
        assert (first == {"conv": 4}) == is_read == ("unknown" not in first)


def test_what_does_nothing_is_left_out(tmp_path):
    same = "F.interpolate(x * 1.0, size=x.shape[2:], mode='bilinear')"
    found = critic(tmp_path, f"F.relu({same}).contiguous()")
    assert found.is_equal, found.warnings
    layers = yaml.safe_load(found.text)["discriminator"]["layers"]
    assert layers[2:] == ["relu", "flatten", {"linear": 1}]


def test_a_module_that_differs_far_from_0_is_no_known_one(tmp_path):
    source = (ROOT / "generated" / "sagan.py").read_text()
    module = source[source.index("class SelfAttention") : source.index("def init_weights")]
    code = CRITIC.format(result="self.f(x)", init="self.f = SelfAttention(4 * 8)")
    code = code.replace("(4, 4, 3", "(4, 32, 3").replace("256", "2048")
    kinds = []
    for value in ("self.value(x)", "self.value(x).clamp(-50, 50)"):
        path = tmp_path / "critic.py"
        path.write_text(f"{code}\n\n{module.replace('self.value(x)', value)}")
        found = imported(path, {"network": "Critic"}, "x:3x8x8")
        kinds.append(str(yaml.safe_load(found.text)["discriminator"]["layers"][2]))
    assert kinds[0] == "self_attention"
    assert "unknown" in kinds[1]


SHARED = {
    "self.b.weight = self.a.weight": "weights that layers share: a.weight = b.weight",
    "self.b.weight = nn.Parameter(self.a.weight.transpose(0, 1))": "share: a.weight = b.weight",
    "self.a.weight.register_hook(lambda g: 0 * g)": "gradients hooks change: a.weight",
    "self.a.bias.requires_grad_(False)": "weights that are not trained: a.bias",
    "self.w = self.a.weight": None,  # a second name for the weight of one layer
}


@pytest.mark.parametrize("init", SHARED)
def test_weights_that_are_shared_or_not_trained_as_usual_are_unknown(init, tmp_path):
    pair = "self.a, self.b = nn.Conv2d(3, 3, 3, 1, 1), nn.Conv2d(3, 3, 3, 1, 1)"
    found = critic(tmp_path, init=f"{pair}; self.c = nn.Linear(192, 1); {init}")
    assert found.is_equal == (SHARED[init] is None), found.warnings
    if note := SHARED[init]:
        assert note in refusal(loads(found.text))
        assert len(found.warnings) == 1


LABELLED = """
import torch
from torch import nn


def untrained(embed, label):
    with torch.no_grad():
        return embed(label)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.f = nn.Embedding(10, 8), nn.Linear(8, 192)

    def forward(self, z, label):
        return torch.tanh(self.f(z * {label})).view(-1, 3, 8, 8)
"""


@pytest.mark.parametrize("label", ["self.e(label).detach()", "untrained(self.e, label)"])
def test_a_label_whose_embedding_is_not_trained_is_unknown(label, tmp_path):
    for code, is_equal in ((label, False), ("self.e(label)", True)):
        path = tmp_path / "labelled.py"
        path.write_text(LABELLED.format(label=code))
        found = imported(path, {"network": "Generator"}, "z:8", "y:class10")
        assert found.is_equal is is_equal, found.warnings
        seen = "weights that get no gradient: e.weight"
        assert (seen in found.text) is not is_equal


# -- unknown parts in comparisons and tables --------------------------------------------------


def test_diff_tells_a_further_output_and_calls_no_guess_a_difference():
    one, two = (loads(form(n, "x:3x16x16").text) for n in ("Detached", "InfoganDiscriminator"))
    found = compare(one, two)
    assert not found.is_equal
    assert not compare(one, one).is_equal  # nothing shows that what was not read is the same
    assert compare(one, one).answer[0] == "no difference in what was read"
    assert "objective, optimizers and train" in found.answer[-1]
    known = ganspec.load(ROOT / "specs" / "dcgan.yaml")
    answer = " ".join(compare(known, one).answer)
    assert "loss" not in answer
    assert "not read in B" in answer


SPEC = """
name: partly
data: {dataset: mnist, size: 16, channels: 1}
latent: {size: 8}
generator: {layers: [{project: [1, 16, 16]}, tanh]}
discriminator:
  layers:
    - conv: {out: 8, stride: 2}
    - leaky_relu: {slope: {unknown: not printed}}
    - unknown: {seen: sort, shape: [12]}
    - linear: 1
objective: {loss: {unknown: no loss was read}}
optimizers: {unknown: no optimizer was read}
"""


def command(tmp_path, *words):
    (tmp_path / "partly.yaml").write_text(SPEC)
    return CliRunner().invoke(
        app, [str(w).replace("SPEC", f"{tmp_path}/partly.yaml") for w in words]
    )


def test_every_command_says_what_is_not_read(tmp_path):
    shown = command(tmp_path, "show", "SPEC").output
    for line in ("not read\n", "discriminator.layers.2: sort", "objective.loss: no loss was read"):
        assert line in shown
    other = ROOT / "specs" / "dcgan.yaml"
    surveyed = command(tmp_path, "compare", "SPEC", other).output
    assert [line.split()[1:3] for line in surveyed.splitlines() if line.startswith("loss")] == [
        ["not", "read"]
    ]
    for name in ("build", "train"):
        result = command(tmp_path, name, "SPEC")
        assert result.exit_code == 1
        assert result.output.count("error[not-read]") == 4


# -- unknown parts in surveys -----------------------------------------------------------------

WHOLE = """
name: whole
data: {dataset: {shapes: {count: 32}}, size: 8}
latent: {size: 8}
generator: {layers: [{project: [4, 4, 4]}, relu, {conv_transpose: {out: 3, stride: 2}}, tanh]}
discriminator:
  layers: [{conv: {out: 4, stride: 2}}, {leaky_relu: 0.2}, flatten, {linear: 1}]
objective: {loss: hinge, penalty: {gradient: 10}, clip: 0.01, scale: 0.5}
optimizers: {adam: {lr: 2e-4, betas: [0.5, 0.9]}}
train: {batch: 4, average: 0.9}
"""
SINGLE = """
name: single
data: {dataset: {shapes: {count: 32}}, size: 8, range: [0, 1]}
autoencoder:
  layers: [{conv: 3}, {leaky_relu: 0.2}, {dropout: 0.3}, {conv: 3}, sigmoid]
objective: {loss: mean_squared_error, noise: 0.1}
optimizer: {adam: {lr: 2e-4}}
train: {batch: 4}
"""


def test_no_stand_in_for_a_loss_is_in_the_answer():
    penalized = "{loss: wasserstein, penalty: {gradient: 10}}"
    one = loads(SPEC)
    other = loads(SPEC.replace("{loss: {unknown: no loss was read}}", penalized))
    answer = compare(one, other).answer
    assert "penalty none -> gradient 10" in answer
    assert not any("hinge" in line for line in answer)


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        (
            "optimizers: {generator: {unknown: a}, discriminator: {adam: {lr: 1e-4}}}",
            "optimizers: {generator: {sgd: {lr: 1e-3}}, discriminator: {adam: {lr: 2e-4}}}",
            "optimizers discriminator lr 1e-4 -> 2e-4",
        ),
        (
            "optimizers: {adam: {lr: {unknown: a}, betas: [0.5, 0.9]}}",
            "optimizers: {adam: {lr: 1e-4}}",
            "optimizers betas 0.5, 0.9 -> 0.9, 0.999",
        ),
        (
            "train: {steps: {discriminator: {unknown: a}, generator: 2}}",
            "train: {steps: {discriminator: 5}}",
            "steps generator 2 -> 1",
        ),
        ("data: {dataset: shapes, size: {unknown: a}}", "data: {dataset: shapes, size: 8}", None),
        (
            "latent: {size: 8, distribution: {unknown: a}}",
            "latent: {size: 8, distribution: uniform, range: [0, 1]}",
            None,
        ),
    ],
)
def test_no_stand_in_for_a_setting_is_in_the_answer(one, other, answer):
    first, second = (loads(_with(WHOLE, text)) for text in (one, other))
    found = compare(first, second).answer
    assert found[0] in ("same generator and discriminator", "no difference in what was read")
    assert found[1:-1] == ((answer,) if answer else ())


def _with(text: str, line: str) -> str:
    """Return `text` with `line` in place of the one that begins with the same key."""
    key = line.partition(":")[0]
    kept = [old for old in text.splitlines() if not old.startswith(f"{key}:")]
    return "\n".join([*kept, line])


def test_diff_shows_an_unknown_weight_norm_as_not_read():
    one, other = (
        loads(WHOLE.replace("{out: 4,", f"{{out: 4, weight_norm: {norm},"))
        for norm in ("{unknown: a}", "spectral")
    )
    found = compare(one, other)
    (edit,) = found.networks[1].changed
    assert edit.changes == (Change("weight norm", "not read", "spectral"),)
    assert found.answer[0] == "no difference in what was read"
    line = "discriminator:\n"
    whole, set_ = (
        loads(WHOLE.replace(line, f"{line}  normalization: {norm}\n"))
        for norm in ("{unknown: a}", "spectral")
    )
    (setting,) = compare(whole, set_).networks[1].settings
    assert setting == Change("weight norm", "not read", "spectral")


def cells(spec, *chosen):
    """Return the cells of a survey of one spec by the titles of their rows."""
    found = survey([SurveyedSystem("one", spec)], chosen)
    return {row.title: row.cells[0] for row in found.rows}


@pytest.mark.parametrize(
    ("text", "path", "row", "shown"),
    [
        (WHOLE, "condition", "labels", "not read"),
        (WHOLE, "data", "data", "not read"),
        (WHOLE, "data.flip", "data", "shapes (count 32) 8 x 8, flip not read"),
        (WHOLE, "data.transpose", "data", "shapes (count 32) 8 x 8, transpose not read"),
        (WHOLE, "data.channels", "data", "shapes (count 32) 8 x 8, channels not read"),
        (WHOLE, "data.dataset", "data", "not read 8 x 8"),
        (WHOLE, "data.range", "range", "not read"),
        (WHOLE, "latent.distribution", "latent", "8, not read"),
        (WHOLE, "objective.loss", "loss", "not read, D x 0.5"),
        (WHOLE, "objective.scale", "loss", "hinge, scale not read"),
        (WHOLE, "objective.auxiliary", "loss", "hinge, D x 0.5 + auxiliary not read"),
        (WHOLE, "objective.penalty", "penalty", "not read, clip 0.01"),
        (WHOLE, "objective.clip", "penalty", "GP 10, clip not read"),
        (WHOLE, "objective.l2", "penalty", "GP 10, clip 0.01, L2 not read"),
        (WHOLE, "train", "rules", "not read"),
        (WHOLE, "train.skip", "rules", "skip not read, average 0.9"),
        (WHOLE, "train.warmup", "rules", "warmup not read, average 0.9"),
        (WHOLE, "train.average", "rules", "average not read"),
        (WHOLE, "train.steps", "steps D : G", "not read"),
        (WHOLE, "train.batch", "batch", "not read"),
        (WHOLE, "train.epochs", "length", "not read"),
        (WHOLE, "generator.condition", "generator conditioning", "not read"),
        (SINGLE, "objective.noise", "input noise", "not read"),
        (SINGLE, "objective.loss", "loss", "not read"),
        (SINGLE, "train", "rules", "not read"),
        (SINGLE, "autoencoder.layers.2.dropout.rate", "autoencoder dropout", "not read"),
    ],
)
def test_a_survey_never_shows_a_stand_in(text, path, row, shown):
    spec = loads(text)
    changed = spec.with_values(path, {"unknown": "not printed"})
    assert cells(changed)[row] == shown != cells(spec).get(row)
    both = survey([SurveyedSystem("a", changed), SurveyedSystem("b", changed)])
    assert row not in [each.title for each in both.even]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("objective.penalty", "penalty weight"),
        ("train.batch", "batch"),
        ("optimizers.adam.lr", "generator learning rate"),
        ("optimizers.adam.betas", "generator beta 1"),
    ],
)
def test_unknown_hyperparameters_are_not_read(path, row):
    changed = loads(WHOLE).with_values(path, {"unknown": "not printed"})
    assert cells(changed, "hyperparameters")[row] == "not read"


def test_unknown_fields_that_a_row_does_not_show_leave_it_as_it_is():
    spec = loads(WHOLE)
    fields = ("train.seed", "train.gradients", "data.resize")
    changed = spec.with_values({key: {"unknown": "not printed"} for key in fields})
    assert cells(changed) == cells(spec)


def test_without_data_the_images_are_those_of_the_generator():
    spec = loads(WHOLE).with_values("data", {"unknown": "not printed"})
    assert {each.code for each in ganspec.check(spec)} == {"not-read"}
    assert lower(spec)["discriminator"].inputs[0].value.shape == (3, 8, 8)
    assert compare(loads(WHOLE), spec).answer[0].startswith("no difference in what was read")
    one = spec.with_values("data", {"dataset": {"unknown": "?"}, "size": 16})
    with pytest.raises(SpecError) as refused:  # the size is known, the channels are not
        ganspec.check(one)
    message = "the generator makes 3 x 8 x 8, the discriminator reads ? x 16 x 16"
    assert [each.message for each in refused.value.diagnostics] == [message]


def test_a_classifier_of_unknown_labels_may_have_any_number_of_classes():
    text = WHOLE[: WHOLE.index("latent")] + (
        "label: {unknown: not printed}\nclassifier: {layers: [flatten, linear: 7]}\n"
        "objective: {loss: binary_cross_entropy}\noptimizer: adam\n"
    )
    assert {each.code for each in ganspec.check(loads(text))} == {"not-read"}
    assert cells(loads(text))["labels"] == "not read"


def test_labels_that_are_unknown_do_not_exclude_rules():
    spec = loads(WHOLE).with_values({"condition": {"unknown": "?"}, "train.labels": "random"})
    assert {each.code for each in ganspec.check(spec)} == {"not-read"}


def test_a_setting_replaces_what_is_unknown(tmp_path):
    layers = "discriminator.layers.2={linear: 12}"
    known = ["objective.loss=hinge", "optimizers.adam.lr=1e-3", layers]
    known += ["discriminator.layers.1.leaky_relu.slope=0.2"]
    words = [word for each in known for word in ("--set", each)]
    result = command(tmp_path, "check", "SPEC", *words)
    assert "linear expects a vector" in result.output  # the shapes are those of known layers
    words[5] = "discriminator.layers.2=sum_pool"
    assert command(tmp_path, "check", "SPEC", *words).exit_code == 0


def test_an_unknown_width_is_an_error():
    text = SPEC.replace("{out: 8, stride: 2}", "{out: {unknown: not printed}}")
    with pytest.raises(SpecError) as refused:
        loads(text)
    assert "`out` cannot be unknown alone" in refused.value.diagnostics[0].message


def test_a_guess_keeps_shapes_and_is_never_shown():
    text = SPEC.replace(
        "{out: 8, stride: 2}",
        "{out: {unknown: not printed, guess: 8}, stride: {unknown: x, guess: 2}}",
    )
    spec, known = loads(text), loads(SPEC)
    assert lower(spec)["discriminator"].output == lower(known)["discriminator"].output
    assert "layers.0.conv.out is not known: not printed" in refusal(spec)
    (update,) = [e for n in compare(known, spec).networks for e in n.edits if e.sign == "~"]
    assert [(c.name, c.before, c.after) for c in update.changes] == [
        ("out", "8", "not read"),
        ("stride", "2", "not read"),
    ]
    assert cells(spec)["discriminator layers"] == "conv not read, linear"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("discriminator.layers.0.conv.stride={unknown: x, guess: two}", "`two`"),
        ("discriminator.layers.0.conv.stride={unknown: x, guess: 0}", "must be"),
        ("discriminator.layers.0.conv.stride={guess: 2}", "not a map"),
        ("train={unknown: x, guess: {}}", "an unknown `train` takes no `guess`"),
        ("generator.init={unknown: x, guess: dcgan}", "an unknown `init` takes no `guess`"),
    ],
)
def test_a_guess_that_does_not_fit_is_an_error(setting, message, tmp_path):
    result = command(tmp_path, "check", "SPEC", "--set", setting)
    assert result.exit_code == 1
    assert message in result.output


OPEN = """
name: opened
data: {dataset: mnist, size: 16, channels: 1}
latent: {size: 8}
generator: {layers: [{project: [1, 16, 16]}, tanh]}
discriminator:
  layers:
    - conv: {out: 8, padding: same, dilation: {unknown: not printed}}
    - batch_norm: {eps: {unknown: not printed}, momentum: {unknown: not printed}}
    - leaky_relu: {slope: {unknown: not printed}}
    - max_pool: {kernel: {unknown: not printed, guess: 4}}
    - group_norm: {groups: {unknown: not printed, guess: 4}}
    - linear: 1
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
"""
OPEN = OPEN.replace("- linear", "- flatten\n    - linear")
CLOSED = {
    "{unknown: not printed}": "1",
    "padding: same": "padding: 1",
    "{unknown: not printed, guess: 4}": "4",
}


def closed(text):
    """Return a spec with known values in place of unknown ones, and another spelling."""
    for old, new in CLOSED.items():
        text = text.replace(old, new)
    return loads(text)


def test_a_diff_names_the_fields_that_are_not_read_and_no_others():
    found = compare(closed(OPEN), loads(OPEN))
    changes = {e.b.kind: [c.name for c in e.changes] for e in found.networks[1].changed}
    assert changes == {
        "conv": ["dilation"],
        "batch_norm": ["eps", "momentum"],
        "leaky_relu": ["slope"],
        "max_pool": ["kernel"],
        "group_norm": ["groups"],
    }
    assert all(c.after == "not read" for e in found.networks[1].changed for c in e.changes)
    assert found.answer[0] == "no difference in what was read"
    totals = {c.name: (c.before, c.after) for c in found.networks[1].totals}
    assert totals["receptive field"] == ("16 x 16", "not read")


def test_a_survey_and_its_equal_rows_show_no_stand_in():
    table = survey([SurveyedSystem("a", closed(OPEN)), SurveyedSystem("b", loads(OPEN))])
    rows = {row.title: row.cells for row in table.uneven}
    assert rows["discriminator norm"] == ("BN, GN 4", "BN, GN not read")
    assert rows["discriminator activations"] == ("LReLU 1", "LReLU not read")
    assert rows["discriminator receptive field"] == ("16 x 16", "not read")


@pytest.mark.parametrize("form", ["latex", "mermaid", "markdown", "graph"])
def test_pictures_and_tables_show_no_stand_in(form, tmp_path):
    (tmp_path / "opened.yaml").write_text(OPEN)
    words = ["show", str(tmp_path / "opened.yaml"), "--format", form, "-o", "-"]
    text = CliRunner().invoke(app, words).output
    for part in ("slope", "dilation", "kernel", "groups"):
        assert f"{part} not read" in text
    assert not re.search(r"leaky_relu 0|max_pool 4|groups 4", text)


def test_receptive_fields_that_depend_on_unknown_fields_are_not_read(tmp_path):
    (tmp_path / "opened.yaml").write_text(
        OPEN.replace("- conv: {out: 8, padding", "- conv: 2\n    - conv: {out: 8, padding")
    )
    words = ["show", str(tmp_path / "opened.yaml")]
    lines = CliRunner().invoke(app, [*words, "--receptive-field"]).output.splitlines()
    rows = [line for line in lines if line.strip().startswith(("conv", "max_pool", "linear"))]
    assert ["not read" in row for row in rows] == [False, True, True, True]
    network = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)["networks"]
    layers = network["discriminator"]["layers"]
    assert [layer["receptive_field"] for layer in layers] == [[3, 3], *[None] * 7]
    assert network["discriminator"]["receptive_field"] is None


# -- tables -----------------------------------------------------------------------------------

CUT = """
Layer (type)                    Output Shape         Param #     Connected to
======================================================================================
input_1 (InputLayer)            (None, 128, 128, 3)  0
conv2d_1 (Conv2D)               (None, 128, 128, 102 28672       input_1[0][0]
conv2d_2 (Conv2D)               (None, 64, 64, 64)   589888      conv2d_1[0][0]
flatten_1 (Flatten)             (None, 262144)       0           conv2d_2[0][0]
dense_1 (Dense)                 (None, 1)            262145      flatten_1[0][0]
dense_2 (Dense)                 (None, 10)           2621450     flatten_1[0][0]
======================================================================================
Total params: 3,502,155
"""
SKIP = """
┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃
│ input_layer         │ (None, 16, 16, 3) │          0 │ -                 │
│ (InputLayer)        │                   │            │                   │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ conv2d (Conv2D)     │ (None, 16, 16, 8) │        224 │ input_layer[0][0] │
│ batch_normalization │ (None, 16, 16, 8) │         32 │ conv2d[0][0]      │
│ (BatchNormalizatio… │                   │            │                   │
│ leaky_re_lu         │ (None, 16, 16, 8) │          0 │ batch_normalizat… │
│ (LeakyReLU)         │                   │            │                   │
│ add (Add)           │ (None, 16, 16, 8) │          0 │ leaky_re_lu[0][0… │
│                     │                   │            │ conv2d[0][0]      │
│ flatten (Flatten)   │ (None, 2048)      │          0 │ add[0][0]         │
│ dense (Dense)       │ (None, 1)         │      2,049 │ flatten[0][0]     │
 Total params: 2,305 (9.00 KB)
 Trainable params: 2,289 (8.94 KB)
 Non-trainable params: 16 (64.00 B)
"""


def test_a_width_that_is_cut_short_follows_from_the_count(tmp_path):
    found = of(tmp_path, CUT)
    assert yaml.safe_load(found.text)["discriminator"]["layers"] == [
        {"conv": {"out": 1024, "dilation": GAP}},
        {"conv": {"out": 64, "stride": 2}},
        "flatten",
        {"linear": 1},
    ]
    assert "a further output of 10: dense_2 (Dense)" in refusal(loads(found.text))


def test_names_that_are_cut_short_are_read(tmp_path):
    found = of(tmp_path, SKIP)
    assert found.verified == {"discriminator": "2,305 parameters, as printed"}
    assert yaml.safe_load(found.text)["discriminator"]["layers"][:4] == [
        {"conv": {"out": 8, "dilation": GAP, "as": "skip"}},
        "norm",
        {"leaky_relu": {"slope": {"unknown": "not printed"}}},
        {"add": "skip"},
    ]
    said = refusal(loads(found.text))
    for part in ("slope is not known: not printed", "activations inside a layer"):
        assert part in said


JOINED = """
Layer (type)                    Output Shape         Param #     Connected to
======================================================================================
input_1 (InputLayer)            (None, 128, 128, 3)  0
conv2d_1 (Conv2D)               (None, 128, 128, 102 28672       input_1[0][0]
conv2d_2 (Conv2D)               (None, 128, 128, 102 1049600     conv2d_1[0][0]
{:<32}(None, 128, 128, {} 0           conv2d_2[0][0]
                                                                 conv2d_1[0][0]
conv2d_3 (Conv2D)               (None, 64, 64, 64)   {:<12}join_1[0][0]
flatten_1 (Flatten)             (None, 262144)       0           conv2d_3[0][0]
dense_1 (Dense)                 (None, 1)            262145      flatten_1[0][0]
"""


@pytest.mark.parametrize(
    "kind, name, width, count",
    [("add", "join_1 (Add)", 102, 589_888), ("concat", "join_1 (Concatenate)", 204, 1_179_712)],
)
def test_a_join_whose_width_is_cut_short_has_that_of_its_parts(kind, name, width, count, tmp_path):
    found = of(tmp_path, JOINED.format(name, width, count))
    assert yaml.safe_load(found.text)["discriminator"]["layers"] == [
        {"conv": {"out": 1024, "dilation": GAP, "as": "skip"}},
        {"conv": {"out": 1024, "kernel": 1}},
        {kind: "skip"},
        {"conv": {"out": 64, "stride": 2}},
        "flatten",
        {"linear": 1},
    ]


def test_a_label_joined_to_a_width_that_is_cut_short(tmp_path):
    label = """label (InputLayer)              (None, 1)            0
e (Embedding)                   (None, 1, 50)        500         label[0][0]
d (Dense)                       (None, 1, 16384)     835584      e[0][0]
r (Reshape)                     (None, 128, 128, 1)  0           d[0][0]
conv2d_1"""
    text = JOINED.format("join_1 (Concatenate)", 102, 590_464).replace("conv2d_1", label, 1)
    found = of(tmp_path, text.replace(" conv2d_1[0][0]\nconv2d_3", " r[0][0]\nconv2d_3"))
    assert yaml.safe_load(found.text)["discriminator"]["layers"] == [
        {"conv": {"out": 1024, "dilation": GAP}},
        {"conv": {"out": 1024, "kernel": 1}},
        {"join_label": {"embedding": {"size": 50, "join": "map"}}},
        {"conv": {"out": 64, "stride": 2}},
        "flatten",
        {"linear": 1},
    ]


OTHERS = {
    "was printed with `expand_nested`": "|¯¯¯¯¯¯¯¯|\n| conv2d (Conv2D)   (None, 8, 8, 8)  224",
}


@pytest.mark.parametrize("message", OTHERS)
def test_tables_of_other_printers_are_refused_in_one_line(message, tmp_path):
    head = f"{'Layer (type)':>28}  {'Output Shape':>20}  {'Param #':>14}\n====\n"
    with pytest.raises(UnreadableError, match=message):
        of(tmp_path, head + OTHERS[message])
