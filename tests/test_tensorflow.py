"""`framework: tensorflow` against the formulas of TensorFlow 1's layers, written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_layers import alone
from torch import nn

from ganspec.compiler.evaluate import evaluate
from ganspec.importing.likeness import lowered
from ganspec.kinds.layers.batch_norm import CenteredBatchNorm, ScaledBatchNorm
from ganspec.kinds.layers.class_batch_norm import ConditionalBatchNorm
from ganspec.language.expr import Width
from ganspec.program.ir import label_input


def network(layer: object, shape: tuple[int, ...]) -> nn.Module:
    """Return a network of one layer in double precision, with random gains and biases."""
    made = evaluate(alone(layer, shape, "tensorflow")).double()
    generator = torch.Generator().manual_seed(0)
    for weight in made.parameters():
        nn.init.uniform_(weight, 0.5, 1.5, generator=generator)
    return made


def draw(shape: tuple[int, ...], scale: float) -> torch.Tensor:
    """Three images whose numbers lie about `scale` / 2, `scale` apart."""
    generator = torch.Generator().manual_seed(1)
    return scale * (torch.randn(3, *shape, generator=generator, dtype=torch.float64) + 0.5)


def standardized(x: np.ndarray, axes: tuple[int, ...], eps: float) -> np.ndarray:
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps)


def column(weight: torch.Tensor, x: np.ndarray) -> np.ndarray:
    return weight.detach().numpy().reshape(-1, *[1] * (x.ndim - 2))


@pytest.mark.parametrize("shape", [(4, 3, 5), (4,)], ids=str)
def test_batch_norm_is_contribs(shape):
    """`tf.contrib.layers.batch_norm`: centre, no scale, epsilon 1e-3, statistics of the batch."""
    made, x = network("batch_norm", shape), draw(shape, 1e-3**0.5)
    (norm,) = made.children()
    assert [name for name, _ in norm.named_parameters()] == ["bias"]
    axes = (0, 2, 3)[: len(shape)]
    expected = standardized(x.numpy(), axes, 1e-3) + column(norm.bias, x)
    for mode in (True, False):  # without `is_training` there is no other mode
        np.testing.assert_allclose(made.train(mode)(x).detach(), expected, rtol=1e-10)
    assert not list(norm.buffers())


@pytest.mark.parametrize("shape", [(4, 3, 5), (4,)], ids=str)
def test_batch_norm_under_is_training_has_running_statistics(shape):
    """`tf.contrib.layers.batch_norm(net, is_training=phase)`: decay 0.999."""
    made, x = network({"batch_norm": {"statistics": "running"}}, shape), draw(shape, 1e-3**0.5)
    (norm,) = made.children()
    axes = (0, 2, 3)[: len(shape)]
    expected = standardized(x.numpy(), axes, 1e-3) + column(norm.bias, x)
    np.testing.assert_allclose(made(x).detach(), expected, rtol=1e-10)
    np.testing.assert_allclose(norm.running_mean, 0.001 * x.numpy().mean(axes), rtol=1e-10)
    mean, variance = column(norm.running_mean, x), column(norm.running_var, x)
    expected = (x.numpy() - mean) / np.sqrt(variance + 1e-3) + column(norm.bias, x)
    np.testing.assert_allclose(made.eval()(x).detach(), expected, rtol=1e-10)


@pytest.mark.parametrize("shape", [(4, 3, 5), (4,)], ids=str)
def test_class_batch_norm_is_of_the_batch_too(shape):
    layer = ConditionalBatchNorm(eps=1e-3, statistics="batch")
    made = evaluate(lowered(layer, shape, label_input(Width(2), True))).double().eval()
    x, y = draw(shape, 1.0), torch.tensor([1, 0, 1])
    (norm,) = made.children()
    with torch.no_grad():
        for weight in norm.parameters():
            weight.uniform_(0.5, 1.5)
    axes, row = (0, 2, 3)[: len(shape)], (3, -1, *[1] * (x.dim() - 2))
    gain, bias = (weight[y].detach().numpy().reshape(row) for weight in (norm.gain, norm.bias))
    expected = gain * standardized(x.numpy(), axes, 1e-3) + bias
    np.testing.assert_allclose(made(x, y).detach(), expected, rtol=1e-10)
    assert not list(norm.buffers())


def test_batch_norm_of_tf_layers_is_three_words_more():
    fields = {"scale": True, "statistics": "running", "momentum": 0.01}
    (norm,) = network({"batch_norm": fields}, (4, 3, 5)).children()
    assert type(norm) is nn.BatchNorm2d
    assert (norm.affine, norm.eps, norm.momentum) == (True, 1e-3, 0.01)


@pytest.mark.parametrize(
    ("layer", "shape", "groups", "eps"),
    [
        ("layer_norm", (4, 3, 5), 1, 1e-12),
        ("layer_norm", (40,), 1, 1e-12),
        ("instance_norm", (4, 3, 5), 4, 1e-6),
        ({"group_norm": 2}, (4, 3, 5), 2, 1e-6),
    ],
    ids=str,
)
def test_other_normalizations_are_contribs(layer, shape, groups, eps):
    """Each image by itself, a gain and a bias for each channel; numbers as small as epsilon."""
    made, x = network(layer, shape), draw(shape, eps**0.5)
    (norm,) = made.children()
    parts = x.numpy().reshape(3, groups, -1)
    expected = standardized(parts, (2,), eps).reshape(x.shape)
    expected = expected * column(norm.weight, x) + column(norm.bias, x)
    np.testing.assert_allclose(made(x).detach(), expected, rtol=1e-9)


def test_leaky_relus_slope_is_0_2():
    x = draw((6,), 1.0)
    assert torch.equal(network("leaky_relu", (6,))(x), torch.where(x > 0, x, 0.2 * x))


@pytest.mark.parametrize("channels", [False, True])
def test_dropout_without_training_true_does_nothing(channels):
    x = draw((4, 30, 30), 1.0)
    fields = {"rate": 0.8, "channels": channels}
    made = network({"dropout": fields}, (4, 30, 30)).train()
    state = torch.get_rng_state()
    assert torch.equal(made(x), x)
    assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn either
    for framework in ("torch", "keras"):
        assert not torch.equal(evaluate(alone({"dropout": fields}, x.shape[1:], framework))(x), x)
    turned_on = network({"dropout": {**fields, "active": True}}, (4, 30, 30)).train()
    assert (turned_on(x) == 0).double().mean() > 0.4


@pytest.mark.parametrize("cls", [CenteredBatchNorm, ScaledBatchNorm, nn.BatchNorm2d])
@pytest.mark.parametrize("shape", [(2,), (2, 2, 3)], ids=str)
def test_penalties_pass_through_part_of_a_batch_norm(cls, shape):
    """Derivatives of a gradient penalty, which are second ones, against differences.

    Of the bias's own gradient torch has none where there is no gain; no penalty here needs it.
    """
    if cls is nn.BatchNorm2d and len(shape) == 1:
        cls = nn.BatchNorm1d
    norm, x = cls(2).double(), draw(shape, 1.0).requires_grad_()
    names = [name for name, _ in norm.named_parameters()]

    def penalty(x, *weights):
        state = dict(zip(names, weights, strict=True))
        score = torch.func.functional_call(norm, state, (x,)).sigmoid().sum()
        (slope,) = torch.autograd.grad(score, x, create_graph=True)
        return slope.square().sum()

    assert torch.autograd.gradcheck(penalty, (x, *norm.parameters()))
