"""Small classifiers and autoencoders that several test files train."""

from __future__ import annotations

from ganspec.compiler.lower import lower
from ganspec.language.load import loads

CLASSIFIER = """
name: tiny
data: {dataset: {shapes: {count: 64}}, size: 8, range: [0, 1], flip: true}
label: {kind: classes, size: 24}
classifier:
  layers:
    - conv: {out: 8, stride: 2}
    - batch_norm
    - relu
    - dropout: 0.25
    - flatten
    - linear: 24
objective: {loss: cross_entropy}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 8}
"""
PROBABILITIES = CLASSIFIER.replace("linear: 24", "linear: 24\n    - softmax").replace(
    "cross_entropy", "{cross_entropy: {reads: probabilities, label_smoothing: 0.1}}"
)
# an odd last batch, and an epoch that is not one pass
ODD = CLASSIFIER.replace("64", "61").replace(
    "batch: 8", "batch: 8, last_batch: keep, iterations: 5"
)
MULTI_HOT = """
name: tiny
data: {dataset: {shapes: {count: 64, labels: FOLDER/train.json}}, size: 8}
label: {kind: multi_hot, size: 24}
classifier: {layers: [flatten, {linear: 24}]}
objective: {loss: binary_cross_entropy}
optimizer: {sgd: {lr: 0.5}}
train: {batch: 8}
"""
DENOISING = """
name: tiny
data: {dataset: {shapes: {count: 64}}, size: 8, range: [0, 1]}
autoencoder: {layers: [{conv: 4}, relu, {max_pool: 2}, upsample, {conv: 3}, sigmoid]}
objective: {loss: {binary_cross_entropy: {reads: probabilities}}, noise: {std: 0.25}}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 8}
"""
LOGITS = DENOISING.replace(", sigmoid]", "]").replace(": probabilities", ": logits")
PLAIN = """
name: tiny
data: {dataset: {shapes: {count: 64}}, size: 8}
autoencoder: {layers: [{conv: 4}, dropout, {conv: 3}, tanh]}
objective: {loss: mean_squared_error}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 8}
"""
UNCLIPPED = PLAIN.replace("error}", "error, noise: {std: 0.5, clip: false}}")
FOLDER = PLAIN.replace("{shapes: {count: 64}}", "image_folder")


def cfg_of(text):
    """Return the settings that a spec's training text reads."""
    spec = loads(text)
    return spec.settings(lower(spec))
