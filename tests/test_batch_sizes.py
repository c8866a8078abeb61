"""Layers that cannot read a batch of a training are found before its first step, and only those."""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ganspec
from ganspec.compiler.batches import BatchSizeError
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.systems.training import Images
from ganspec.training import trainer as trainer_module

EXAMPLES = int(os.environ.get("GANSPEC_BATCH_SIZES", "25"))  # random specs

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
    *("order: [generator, discriminator]", "order: [real, fake, generator]"),
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
    cfg = spec.settings(ganspec.compiler.lower.lower(spec))
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
