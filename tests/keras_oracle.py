"""Keras in double precision, and functions that copy its weights to equal networks in torch.

Keras has the channels last, so maps, kernels, and weights next to a flatten or reshape are
permuted; nothing else is done to the weights. In single precision, a sum in another order can fall
on the other side of a leaky ReLU's kink, and on some machines it does. Keras has one precision and
device for the whole process, so every test file that uses Keras imports it from here.
"""

from __future__ import annotations

import importlib
import math
import os

os.environ["KERAS_BACKEND"] = "torch"
os.environ["KERAS_TORCH_DEVICE"] = "cpu"

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from by_hand import ROUNDS, assert_same_losses, train_both
from torch import nn

keras = pytest.importorskip("keras", minversion="3")
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
# on torch Keras still adds and multiplies doubles in single precision, by a table of its own
dtypes = importlib.import_module("keras.src.backend.common.dtypes")
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
assert keras.backend.result_type("float64", "float32", float) == "float64"

NAMES = {
    "kernel": "weight",
    "embeddings": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(1, -1) if x.ndim == 4 else x


def channels_first(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(-1, 1) if x.ndim == 4 else x


def order(height: int, width: int, channels: int) -> torch.Tensor:
    """Where each number of a flattened C x H x W map stands in the flattened H x W x C one."""
    last = torch.arange(height * width * channels).reshape(height, width, channels)
    return last.permute(2, 0, 1).flatten()


def sequential(shape: tuple[int, ...], layers: list):
    """Return a Keras model of `layers` on a C x H x W input."""
    given = (*shape[1:], shape[0]) if len(shape) == 3 else shape
    return keras.Sequential([keras.Input(given), *layers])


def draw(model, seed: int = 0):
    """Draw weights and running statistics, none of them 0 or 1. Return the model."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name in ("gamma", "moving_variance"):
            drawn = random.uniform(0.5, 1.5, weight.shape)
        elif len(weight.shape) == 1:
            drawn = random.uniform(-0.5, 0.5, weight.shape)
        else:
            drawn = random.normal(0, math.prod(weight.shape[:-1]) ** -0.5, weight.shape)
        weight.assign(drawn)
    return model


def neighbour(layer, kind: type, nodes: str):
    """Return the nearest `kind` with only layers of one number between, or None.

    `nodes` is where Keras keeps the calls on that side: `_inbound_nodes` or `_outbound_nodes`.
    """
    for node in getattr(layer, nodes):
        sides = [node.operation] if nodes == "_outbound_nodes" else node.parent_nodes
        for found in (getattr(side, "operation", side) for side in sides):
            if isinstance(found, kind):
                return found
            if isinstance(found, PER_NUMBER) and (beyond := neighbour(found, kind, nodes)):
                return beyond
    return None


class ContribBatchNorm(keras.layers.BatchNormalization):
    """`tf.contrib.layers.batch_norm(net)` of TensorFlow 1: no gain, always the batch's statistics.

    It keeps running statistics that nothing reads; they are left out.
    """

    def build(self, shape):
        self.beta = self.add_weight(shape=shape[-1:], name="beta", initializer="zeros")

    def call(self, x, training=None, mask=None):
        axes = tuple(range(len(x.shape) - 1))
        mean, variance = keras.ops.mean(x, axes), keras.ops.var(x, axes)
        return (x - mean) / keras.ops.sqrt(variance + 1e-3) + self.beta


PER_NUMBER = (
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
)


def state_of(layer, values: dict | None = None) -> dict[str, torch.Tensor]:
    """Return a Keras layer's weights as the state of the torch module like it.

    `values` are other numbers in the places of its weights, such as an optimizer's moments, by the
    weights' ids.
    """
    if values is None:
        values = {id(w): w.value for w in layer.weights}
    given = {w.name: values[id(w)].detach() for w in layer.weights if id(w) in values}
    if "kernel" in given and isinstance(layer, keras.layers.Dense):
        given["kernel"] = given["kernel"].T
        if flatten := neighbour(layer, keras.layers.Flatten, "_inbound_nodes"):
            given["kernel"] = given["kernel"][:, order(*flatten.input.shape[1:])]
    elif "kernel" in given:
        given["kernel"] = given["kernel"].permute(3, 2, 0, 1)
    if reshape := neighbour(layer, keras.layers.Reshape, "_outbound_nodes"):
        given = {name: w[order(*reshape.target_shape)] for name, w in given.items()}
    return {NAMES[name]: w for name, w in given.items()}


def pairs(model, network: nn.Module, layers: list | None = None) -> list:
    """Return the layers with weights of a Keras model, each with the module like it.

    `layers` are the model's layers with weights in the order of the network's modules, where that
    is not the order of `model.layers`: a functional model sorts its branches by their depth.
    """
    theirs = layers or [layer for layer in model.layers if layer.weights]
    assert {id(w) for layer in theirs for w in layer.weights} == {id(w) for w in model.weights}
    ours = [m for m in network.modules() if m._parameters | m._buffers]
    return list(zip(theirs, ours, strict=True))


def copy_weights(model, network: nn.Module, layers: list | None = None) -> None:
    """Every weight and running statistic of a Keras model into the network like it."""
    for layer, module in pairs(model, network, layers):
        missing, unexpected = module.load_state_dict(state_of(layer), strict=False)
        assert not unexpected
        assert set(missing) <= {"num_batches_tracked"}


def same(
    model,
    network: nn.Module,
    shape: tuple[int, ...],
    labels: torch.Tensor | None = None,
    layers: list | None = None,
    seed: int = 0,
) -> None:
    """Weights copied, both give the same outputs and, at the input, the same gradient: ten
    digits of each.

    With `labels` both are given them after the images or latents, of which there are as many, or
    four.
    """
    draw(model, seed)
    copy_weights(model, network.double(), layers)
    given = [] if labels is None else [labels]
    count = 4 if labels is None else len(labels)
    for mode in (False, True):
        network.train(mode)
        generator = torch.Generator().manual_seed(seed)
        ours = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
        theirs = ours.clone().requires_grad_()
        ours.requires_grad_()
        torch.manual_seed(seed)  # of dropouts
        made = network(ours, *given)
        images = channels_last(theirs)
        torch.manual_seed(seed)
        expected = model([images, *given] if given else images, training=mode)
        expected = channels_first(expected)
        close(made, expected)
        slope = torch.linspace(-1, 1, made.numel(), dtype=torch.float64).reshape(made.shape)
        (mine,) = torch.autograd.grad((made * slope).mean(), ours)
        (other,) = torch.autograd.grad((expected * slope).mean(), theirs)
        close(mine, other)


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.dtype == theirs.dtype == torch.float64
    torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=1e-10)


def assert_counts(model, ours: nn.Module) -> None:
    """Keras counts as many parameters, running statistics among them."""
    buffers = [b for b in ours.buffers() if b.is_floating_point()]
    assert model.count_params() == sum(w.numel() for w in [*ours.parameters(), *buffers])


# -- training -------------------------------------------------------------------------------------


class Dropout(keras.layers.Dropout):
    """Keras's dropout, but the numbers that become 0 are drawn in torch's order, C x H x W."""

    def call(self, x, training=False):
        return channels_last(F.dropout(channels_first(x).contiguous(), self.rate, training))


class Adam:
    """Keras's Adam with the interface of torch's optimizers."""

    def __init__(self, weights, *args, **options):
        self.weights, self.adam = weights, keras.optimizers.Adam(*args, **options)
        self.adam.build(weights)

    def zero_grad(self):
        for weight in self.weights:
            weight.value.grad = None

    def step(self):
        self.adam.apply([weight.value.grad for weight in self.weights])

    @property
    def state(self):
        moments = zip(self.weights, self.adam._momentums, self.adam._velocities, strict=True)
        return {w.value: {"exp_avg": m.value, "exp_avg_sq": v.value} for w, m, v in moments}


def train_same_as_keras(ours, models, optimizers, loop, layers=None, rounds=ROUNDS):
    """Assert that a spec, trained from the weights of Keras's models, follows them to ten digits.

    `loop(*models, *optimizers, batches)` is the training by hand, `layers` the order of either
    model's layers where it is not that of the spec.
    """
    layers = layers or dict.fromkeys(models)
    for key, model in models.items():
        copy_weights(model, ours.networks[key].double(), layers[key])
    given = [*models.values(), *optimizers.values()]
    assert_same_losses(*train_both(ours, lambda batches: loop(*given, batches), rounds), close)
    for key, model in models.items():
        both = ours.optimizers[key], optimizers[key]
        for layer, module in pairs(model, ours.networks[key], layers[key]):
            same_weights(layer, module, *both)


def same_weights(layer, module: nn.Module, mine, theirs) -> None:
    """Weights, running statistics and moments of the optimizers are the same."""
    for name, expected in state_of(layer).items():
        close(getattr(module, name).detach(), expected)
    states = {id(w): theirs.state[w.value] for w in layer.trainable_weights}
    for moment in ("exp_avg", "exp_avg_sq", "square_avg"):
        values = {key: state[moment] for key, state in states.items() if moment in state}
        found = {
            name: mine.state[weight][moment]
            for name, weight in module.named_parameters(recurse=False)
            if moment in mine.state[weight]
        }
        expected = state_of(layer, values)
        assert found.keys() == expected.keys()
        for name, value in found.items():
            close(value, expected[name])
