"""Small GANs that several test files train and draw from."""

from __future__ import annotations

import json

from ganspec.kinds.datasets.objects import solid_words

GREY = """
name: grey
vars: {z: 6}
data: {dataset: {shapes: {count: 48}}, size: [8, 12], channels: 1}
latent: {size: z}
generator:
  layers: [{project: [4, 4, 6]}, batch_norm, relu, {conv_transpose: {out: 1, stride: 2}}, tanh]
discriminator:
  layers: [{conv: {out: 4, stride: 2}}, {leaky_relu: 0.2}, dropout, flatten, {linear: 1}]
objective: {loss: non_saturating}
optimizers: {adam: {lr: 0.02}}
train: {batch: 16, keep: 1, average: 0.5}
"""
COLOUR = """
name: colour
data: {dataset: {shapes: {count: 48}}, size: 8, range: [0, 1]}
condition: {kind: classes, size: 24}
latent: {size: 5, distribution: uniform, range: [0, 1]}
generator: {condition: concat, layers: [{project: [3, 8, 8]}, sigmoid]}
discriminator:
  condition: channel
  layers: [flatten, {linear: 8}, relu, auxiliary, {linear: 1}]
objective: {loss: {wasserstein: {real_target: 1}}, auxiliary: 1}
optimizers: {adam: {lr: 0.02}}
train: {batch: 16}
"""
MULTI_HOT = """
name: several
data: {dataset: {shapes: {count: 48, labels: FOLDER/train.json}}, size: 8}
condition: {kind: multi_hot, size: 24}
latent: {size: 5}
generator: {condition: concat, layers: [{project: [3, 8, 8]}, tanh]}
discriminator: {condition: channel, layers: [{conv: {out: 2, stride: 2}}, flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: {lr: 0.02}}
train: {batch: 16}
"""
COLOURS, SHAPES = solid_words()
OBJECTS = [f"{colour} {shape}" for shape in SHAPES for colour in COLOURS]


def write_objects(folder) -> None:
    """Label files like i-CLEVR's, of ten images."""
    listed = {f"{i}.png": [OBJECTS[i], OBJECTS[-1 - i]][: 1 + i % 2] for i in range(10)}
    (folder / "objects.json").write_text(json.dumps({n: i for i, n in enumerate(OBJECTS)}))
    (folder / "train.json").write_text(json.dumps(listed))
