"""Initial weights of embeddings, against torch.nn.init called by hand."""

from __future__ import annotations

import math

import pytest
import torch
from keras_oracle import keras
from test_initializers import FILLS, SPEC, underlying
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganspec.language.load import loads

FRAMEWORKS = {
    "keras": lambda weight: nn.init.uniform_(weight, -0.05, 0.05),
    "tensorflow": nn.init.xavier_uniform_,
}


def filled(norm, framework="torch", init="framework") -> list[torch.Tensor]:
    """Weights of a linear layer and an embedding, filled from seed 5 as a spec's `init` says."""
    text = SPEC.format(framework=framework, head=f"  init: {init}", last="")
    call = loads(text).generator.init.call()
    torch.manual_seed(4)
    network = nn.Sequential(norm(nn.Embedding(40, 50)), norm(nn.Linear(50, 7)))
    torch.manual_seed(5)
    if call:
        call.target(network, **call.kwargs)
    return [underlying(module) for module in network]


NORMS = {"none": lambda module: module, "spectral": spectral_norm}
by_norm = pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)


@by_norm
@pytest.mark.parametrize(("init", "function"), FILLS, ids=[name for name, _ in FILLS])
def test_every_initializer_fills_embeddings_as_other_weights(init, function, norm):
    table, weight = filled(norm, init=init)
    torch.manual_seed(5)
    assert torch.equal(table, function(torch.empty(40, 50)))
    assert torch.equal(weight, function(torch.empty(7, 50)))


@by_norm
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frameworks_draw_embeddings_their_own_way(framework, norm):
    table, weight = filled(norm, framework)
    torch.manual_seed(5)
    first = nn.init.xavier_uniform_(torch.empty(40, 50))
    assert torch.equal(weight, nn.init.xavier_uniform_(torch.empty(7, 50)))
    if framework == "tensorflow":
        assert torch.equal(table, first)
    else:
        assert torch.equal(table, FRAMEWORKS[framework](torch.empty(40, 50)))


def test_torch_leaves_embeddings_as_they_are():
    table, _ = filled(NORMS["none"])
    torch.manual_seed(4)
    assert torch.equal(table, nn.Embedding(40, 50).weight)


def test_kerass_embeddings_are_as_wide():
    keras.utils.set_random_seed(0)
    layer = keras.layers.Embedding(40, 50)
    layer.build((1,))
    ours, theirs = filled(NORMS["none"], "keras")[0], layer.embeddings.value
    for weight in (ours, theirs):
        assert 0.0499 < weight.abs().max().item() <= 0.05
        assert weight.std().item() == pytest.approx(0.1 / math.sqrt(12), rel=0.03)
