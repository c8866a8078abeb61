"""Layers that cannot read a batch of a training are found before its first step, and only those."""

from __future__ import annotations

import operator
import os
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_systems import CLASSIFIER as CLASSIFIER_TEXT
from torch import nn
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.batches import BatchSizeError, require_readable
from ganspec.compiler.lower import lower
from ganspec.evaluation.classifier import classifier_extractor
from ganspec.evaluation.reference import RealImages
from ganspec.evaluation.subject import restored_images
from ganspec.kinds.layer import Layer
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.program.ir import Call
from ganspec.systems.passes import BatchFix, TrainingSize
from ganspec.systems.restorer import Restorer
from ganspec.systems.training import Images
from ganspec.training import trainer as trainer_module

CPU = torch.device("cpu")
EXAMPLES = int(os.environ.get("GANSPEC_BATCH_SIZES", "15"))  # random specs

# -- random specs of every system, with norms of many forms -----------------------------------

VECTOR_NORMS = [
    *("batch_norm", "{batch_norm: {statistics: batch}}", "{batch_norm: {scale: false}}"),
    *("layer_norm", "relu", "norm", "normalized"),
]
POINT_NORMS = [
    *(*VECTOR_NORMS, "{group_norm: 2}", "{group_norm: 4}", "self_attention"),
    *("{layer_norm: {over: channels}}", "{residual: [batch_norm, relu]}"),
]
MAP_NORMS = [*POINT_NORMS, "instance_norm"]
HEAD = """
name: tiny
data: {{dataset: {{shapes: {{count: {count}}}}}, size: 8, range: [0, 1]}}
blocks: {{normalized: {{layers: [{{repeat: {{times: 2, layers: [norm, relu]}}}}]}}}}
"""
GAN = """
latent: {{size: 4}}
{condition}
generator:
  {first}
  layers:
    - linear: 8
    - {vector}
    - reshape: [8, 1, 1]
    - {point}
    - conv_transpose: {{out: 8, kernel: 4, stride: 4}}
    - {map}
    - conv_transpose: {{out: 3, stride: 2}}
    - sigmoid
discriminator:
  {second}
  layers: [{{conv: {{out: 8, stride: 8}}}}, {other}, flatten, {{linear: 1}}]
objective: {{loss: hinge}}
optimizers: {{adam: {{lr: 1e-3}}}}
"""
CLASSIFIER = """
label: {{kind: classes, size: 24}}
classifier:
  {first}
  layers:
    - conv: {{out: 8, stride: 8}}
    - {point}
    - flatten
    - {vector}
    - linear: 24
objective: {{loss: cross_entropy}}
optimizer: {{adam: {{lr: 1e-3}}}}
"""
AUTOENCODER = """
autoencoder:
  {first}
  layers:
    - conv: {{out: 8, stride: 8}}
    - {point}
    - upsample: 8
    - {map}
    - conv: 3
objective: {{loss: mean_squared_error}}
optimizer: {{adam: {{lr: 1e-3}}}}
"""
VAE = """
latent: {{size: 4}}
encoder: {{{first}, layers: [flatten, {{linear: 8}}, {vector}]}}
decoder:
  {second}
  layers: [{{linear: 8}}, {vector}, {{project: [8, 8, 8]}}, {map}, {{conv: 3}}]
objective: {{loss: mean_squared_error}}
optimizer: {{adam: {{lr: 1e-3}}}}
"""
PLANS = [
    *("", "steps: {discriminator: 2}", "generator_batch: 1", "generator_batch: 3"),
    "order: [generator, discriminator]",
    *(f"order: [{', '.join(order)}]" for order in permutations(("real", "fake", "generator"))),
    *("latents: reused", "generated: reused", "warmup: 2", "batches: shared"),
    "steps: {discriminator: 3, generator: 2}",
]
SETS = st.fixed_dictionaries(
    {
        "system": st.sampled_from([GAN, GAN, CLASSIFIER, AUTOENCODER, VAE]),
        "count": st.integers(1, 9),
        "norm": st.sampled_from(["batch", "{batch: {statistics: batch}}", "layer"]),
        "vector": st.sampled_from(VECTOR_NORMS),
        "point": st.sampled_from(POINT_NORMS),
        "map": st.sampled_from(MAP_NORMS),
        "other": st.sampled_from(POINT_NORMS),
        "batch": st.integers(1, 5),
        "last": st.sampled_from(["drop", "keep", "keep"]),
        "epochs": st.integers(1, 2),
        "iterations": st.sampled_from(["", "iterations: 1,", "iterations: 2,"]),
        "plan": st.sampled_from(PLANS),
        "labelled": st.booleans(),
        "steps": st.none() | st.integers(1, 6),
    }
)


def written(chosen: dict) -> str:
    """Return the text of a spec."""
    classes = chosen["labelled"] and chosen["system"] is GAN
    if classes:
        chosen = {**chosen, "point": "class_batch_norm", "map": "class_batch_norm"}
    condition = "condition: {kind: classes, size: 24}" if classes else ""
    read = {  # the places of norms in a system's first and second network
        GAN: (("vector", "point", "map"), ("other",)),
        CLASSIFIER: (("vector", "point"), ()),
        AUTOENCODER: (("point", "map"), ()),
        VAE: (("vector",), ("vector", "map")),
    }[chosen["system"]]
    first, second = (
        f"normalization: {chosen['norm']}"
        if {chosen[name] for name in names} & {"norm", "normalized"}
        else "doc: no norm"
        for names in read
    )
    more = {"condition": condition, "first": first, "second": second}
    text = HEAD.format(**chosen) + chosen["system"].format(**more, **chosen)
    plan = chosen["plan"] if chosen["system"] is GAN else ""
    rules = f"{chosen['iterations']} epochs: {chosen['epochs']}, last_batch: {chosen['last']}"
    return text + f"train: {{batch: {chosen['batch']}, {rules}, {plan}}}\n"


def images_of(count: int) -> Images:
    random = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=random)
    labels = torch.arange(count) * 23 // max(1, count - 1)
    return Images(drawn, labels, (drawn, labels))


def trained(spec, steps, path) -> str | None:
    """Train without a look ahead; return torch's error of a norm, or None."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "require_readable", lambda *_: None)
        made = ganspec.Trainer(spec, images_of(spec.data.dataset.count), "cpu").training
    try:
        for _ in range(steps):
            made.advance()
        made.measures()
        made.picture(path)
    except BatchSizeError as error:
        return str(error)
    return None


@settings(max_examples=EXAMPLES, deadline=None)
@given(SETS)
def test_a_batch_is_refused_if_and_only_if_torch_refuses_it(tmp_path_factory, chosen):
    try:
        spec = loads(written(chosen))
        ganspec.build(spec)
    except SpecError as error:  # a rule, or a norm without effect, not of batches
        assert {each.code for each in error.diagnostics} <= {
            *("rule-conflict", "shape-mismatch", "unused-normalization", "range-mismatch")
        }
        return
    count = chosen["count"]
    too_few = chosen["last"] == "drop" and count < chosen["batch"]
    if too_few or (spec.labelled and count == 1):  # other errors: of no batch, of one class
        return
    cfg = spec.settings(lower(spec))
    steps = chosen["steps"] or spec.train.length(cfg, count)
    wrong = trained(spec, steps, tmp_path_factory.mktemp("run") / "picture.png")
    try:
        ganspec.Trainer(spec, images_of(count), "cpu", steps=chosen["steps"])
        refused = None
    except BatchSizeError as error:
        refused = str(error)
    assert (wrong is None) == (refused is None), (refused, wrong, written(chosen))
    if wrong and refused:
        place = wrong.partition("<text>:")[2].partition(",")[0]
        assert f"<text>:{place} cannot read" in refused
    if chosen["steps"] is None:
        try:
            ganspec.check(spec)
            assert refused is None
        except SpecError as error:
            assert {each.code for each in error.diagnostics} == {"batch-mismatch"}
            assert refused


# -- what a user is told --------------------------------------------------------------------------

LAST_OF_ONE = """\
name: tiny
data: {dataset: {shapes: {count: 33}}, size: 8}
latent: {size: 4}
generator:
  layers: [{project: [4, 4, 4]}, batch_norm, relu, {conv_transpose: {out: 3, stride: 2}}, tanh]
discriminator:
  layers:
    - flatten
    - linear: 4
    - batch_norm
    - linear: 1
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
train: {batch: 16, last_batch: keep, epochs: 1}
"""
WHY = "each channel would have a single value, which has no variance"
READ = "which the discriminator's batch_norm"
MESSAGES = {
    (): (
        f"33 images in batches of 16 leave a last batch of one, {READ}",
        "write `train: {last_batch: drop}`, or `train: {batch: 15}`",
    ),
    ("train.batch=1",): (
        f"`batch: 1` makes batches of one, {READ}",
        "write `train: {batch: 2}` or more",
    ),
    ("train.generator_batch=1", "train.last_batch=drop"): (
        f"`generator_batch: 1` makes batches of one, {READ}",
        "write `train: {generator_batch: 2}` or more",
    ),
    ("data.dataset.shapes.count=1",): (f"one image makes a batch of one, {READ}", "add images"),
    ("train.last_batch=drop",): None,
    ("train.batch=17",): None,
    ("train.iterations=2",): None,  # the third batch is never read
    ("train.steps.discriminator=2",): None,  # one iteration reads two, the next would begin anew
    ("discriminator.layers.2=layer_norm",): None,
}


@pytest.mark.parametrize("given", MESSAGES, ids=lambda given: ", ".join(given) or "as it is")
def test_check_and_train_say_so_in_the_same_words(tmp_path, given):
    path, out = tmp_path / "tiny.yaml", tmp_path / "run"
    path.write_text(LAST_OF_ONE)
    options = [word for setting in given for word in ("--set", setting)]
    checked = CliRunner().invoke(app, ["check", str(path), *options])
    trained = CliRunner().invoke(app, ["train", str(path), "--out", str(out), *options])
    if MESSAGES[given] is None:
        assert (checked.exit_code, trained.exit_code) == (0, 0), checked.output + trained.output
        return
    message, help = MESSAGES[given]
    assert checked.exit_code == 1
    assert checked.stderr == (
        f"error[batch-mismatch]: {message} cannot read\n  --> {path}:10:7\n"
        "   |\n10 |     - batch_norm\n   |       ^^^^^^^^^^\n"
        f"   = note: {WHY}\n   = help: {help}\n\n1 error\n"
    )
    assert trained.exit_code == 2
    assert trained.stderr == f"error: {message} at {path}:10:7 cannot read: {WHY}; {help}\n"
    assert not out.exists()


def test_steps_that_end_before_the_last_batch_need_none(tmp_path):
    spec = loads(LAST_OF_ONE)
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=2)
    assert run.step == 2
    with pytest.raises(BatchSizeError, match="last batch of one"):
        ganspec.train(spec, tmp_path / "run", device="cpu", steps=3, resume=True)
    with pytest.raises(BatchSizeError, match="last batch of one"):
        ganspec.Trainer(spec, device="cpu")
    assert set(ganspec.Trainer(spec, device="cpu", steps=2).step()) == {"d_loss", "g_loss"}


def test_a_single_vector_in_memory_names_the_layer():
    network = ganspec.build(loads(LAST_OF_ONE))["discriminator"]
    place = r"discriminator.layers.2 \(batch_norm\), <text>:10:7, cannot normalize a single vector"
    with pytest.raises(BatchSizeError, match=place):
        network(torch.zeros(1, 3, 8, 8))
    assert network.eval()(torch.zeros(1, 3, 8, 8)).shape == (1, 1)


ZERO = {
    "[{conv: 4}, mean_pool, {reshape: [4, 1, 1]}, {group_norm: 4}]": "group_norm of 4 x 1 x 1 is 0",
    "[{conv: 4}, mean_pool, {reshape: [4, 1, 1]}, instance_norm]": "instance_norm of 4 x 1 x 1 is",
    "[{conv: 1}, {layer_norm: {over: channels}}]": "layer_norm of 1 x 8 x 8 is 0: each position",
    "[flatten, {linear: 1}, layer_norm]": "layer_norm of 1 is 0: each image has a single number",
}


@pytest.mark.parametrize("layers", ZERO)
def test_a_norm_of_single_numbers_is_refused_for_every_batch(layers):
    text = LAST_OF_ONE.partition("discriminator:\n")[0] + f"discriminator: {{layers: {layers}}}\n"
    rest = LAST_OF_ONE.partition("objective:")[2]
    with pytest.raises(SpecError) as caught:
        ganspec.build(loads(f"{text}objective:{rest}"))
    assert ZERO[layers] in caught.value.diagnostics[0].message


# -- layers of a user's own -----------------------------------------------------------------------


class Ghosts(nn.Module):
    """Batch normalization of parts of 4 images."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x):
        return torch.cat([self.norm(part) for part in x.split(4)])


class Deviations(nn.Module):
    """Minibatch deviation (Karras et al., 2018), of groups of `group` images."""

    def __init__(self, group, correction):
        super().__init__()
        self.group, self.correction = group, correction

    def forward(self, x):
        size = self.group or max(1, len(x))
        groups = x.view(len(x) // size, size, -1) if len(x) else x[None]
        deviation = groups.std(1, correction=self.correction).mean(1)
        return x + deviation.repeat_interleave(groups.shape[1])[:, None]


class Picky(nn.Module):
    """A module that refuses some numbers, whatever the batch."""

    def forward(self, x):
        if len(x) and x.min() < 0:
            raise ValueError("negative")
        return x


OWN = {  # a call, and the numbers of images of which the last batch of 16 is refused
    "ghosts": (lambda x: Call(Ghosts, x.channels), {17, 21, 25, 29}),
    "deviation": (lambda x: Call(Deviations, None, 1), {17}),
    "biased": (lambda x: Call(Deviations, None, 0), set()),
    "groups": (lambda x: Call(Deviations, 4, 0), set(range(17, 32)) - {20, 24, 28}),
    "picky": (lambda x: Call(Picky), set()),
    "single": (lambda x: Call(operator.mul, 1), set()),
}


@pytest.mark.parametrize("name", OWN)
def test_a_layer_of_your_own_is_tried_on_every_batch(name):
    call, refused = OWN[name]

    class Own(Layer, kind="own_layer"):
        """A layer for this test."""

        def call(self, x):
            return call(x)

    found = set()
    for count in range(16, 33):
        text = LAST_OF_ONE.replace("count: 33", f"count: {count}").replace("- batch", "- own_layer")
        text = text.replace("own_layer_norm", "own_layer")
        try:
            require_readable(spec := loads(text), lower(spec), TrainingSize(count, None, None, 9))
        except BatchSizeError as error:
            assert f"{count} images in batches of 16 leave a last batch of" in str(error)
            assert "the discriminator's own_layer at <text>:10:7 cannot read" in str(error)
            found.add(count)
    assert found == refused


@pytest.mark.parametrize(
    "rule, group", [("batch", group) for group in range(3, 11)] + [("generator_batch", 13)]
)
def test_a_layer_of_groups_is_refused_though_few_sizes_fit(rule, group):
    """Groups of 13 fit only the other batches of the training."""

    class Own(Layer, kind="own_layer"):
        """A layer for this test."""

        def call(self, x):
            return Call(Deviations, group, 0)

    wrong, other = f"{rule}: {group + 1}", "" if rule == "batch" else f", batch: {group}"
    text = LAST_OF_ONE.replace("- batch_norm", "- own_layer").replace("batch: 16", wrong + other)
    with pytest.raises(SpecError) as caught:
        ganspec.check(loads(text.replace("count: 33", f"count: {group * (group + 1)}")))
    (error,) = caught.value.diagnostics
    message = f"`{wrong}` makes batches of {group + 1}, which the discriminator's own_layer cannot"
    assert error.message.startswith(message)
    assert error.help == f"try `train: {{{rule}: {group + 2}}}` or another size"


def test_a_help_says_try_where_another_size_may_not_fit_either():
    """A layer of a user's own may read only multiples of some number."""
    drop = BatchFix(("train: {last_batch: drop}", "train: {batch: 15}"))
    more = BatchFix(("train: {batch: 2}",), or_more=True)
    scored = BatchFix(otherwise="score 16 images")
    wordings = {
        drop: ("write `train: {last_batch: drop}`, or `train: {batch: 15}`", "try"),
        more: ("write `train: {batch: 2}` or more", "try"),
        scored: ("score 16 images", "score"),
    }
    for fix, (certain, verb) in wordings.items():
        assert fix.help(certain=True) == certain
        assert fix.help(certain=False).startswith(verb)
    assert more.help(certain=False) == "try `train: {batch: 2}` or another size"
    first = ("statistics: running",)
    assert more.help(certain=True, first=first) == (
        "write `statistics: running`, or `train: {batch: 2}` or more"
    )
    assert scored.help(certain=True, first=first) == (
        "write `statistics: running`, or score 16 images"
    )


# -- scores ---------------------------------------------------------------------------------------

TIED = "{batch_norm: {statistics: batch}}"


def test_a_score_of_one_image_too_many_is_refused_before_it_begins(tmp_path):
    spec = loads(
        "name: it\ndata: {dataset: {shapes: {count: 16}}, size: 8, range: [0, 1]}\n"
        f"autoencoder: {{layers: [flatten, {{linear: 6}}, {TIED}, {{project: [3, 8, 8]}}]}}\n"
        "objective: {loss: mean_squared_error}\noptimizer: {adam: {lr: 1e-3}}\n"
        "train: {batch: 8}\n"
    )
    nets = lower(spec)
    restorer = Restorer(spec, ganspec.build(spec)["autoencoder"], spec.settings(nets), CPU)
    images = torch.zeros(17, 3, 8, 8, dtype=torch.uint8)
    assert restored_images(restorer, RealImages(images[:16], "x"), 16, 0).count == 16
    with pytest.raises(BatchSizeError) as caught:
        restored_images(restorer, RealImages(images, "x"), 17, 0)
    assert str(caught.value) == (
        "17 scored images in batches of 8 leave a last batch of one, which the autoencoder's "
        f"batch_norm at <text>:3:47 cannot read: {WHY}; write `statistics: running`, or score 16 "
        "images"
    )


def test_a_classifier_reads_no_single_image_as_an_extractor(tmp_path):
    text = CLASSIFIER_TEXT.replace("- batch_norm\n", "- relu\n").replace(
        "- linear: 24", f"- {TIED}\n    - linear: 24"
    )
    ganspec.train(loads(text), tmp_path / "run", steps=1)
    extractor = classifier_extractor(tmp_path / "run", CPU, None)
    extractor.require(16)
    with pytest.raises(BatchSizeError, match="17 scored images in batches of 8 leave a last batch"):
        extractor.require(17)


def test_batches_of_tests_and_pictures_are_looked_at(tmp_path):
    """Held-out images in evaluation mode, where only batches normalize by themselves."""
    text = CLASSIFIER_TEXT.replace("- flatten", f"- flatten\n    - {TIED}")
    spec = loads(text)
    nets = lower(spec)
    for test, refused in ((16, False), (17, True), (1, True)):
        size = TrainingSize(64, test, None, 1)
        if refused:
            with pytest.raises(BatchSizeError, match="test image"):
                require_readable(spec, nets, size)
        else:
            require_readable(spec, nets, size)
    running = loads(text.replace("statistics: batch", "statistics: running"))
    require_readable(running, lower(running), TrainingSize(64, 17, None, 1))
    with pytest.raises(BatchSizeError, match="17 plotted images in batches of 8"):
        require_readable(spec, nets, TrainingSize(17, None, None, 1))
