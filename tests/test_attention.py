"""Maps of self-attention: of every network that has it, by its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from small_systems import CLASSIFIER
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.language.load import loads
from ganspec.sampling.attention import (
    QUERIES,
    attention_layers,
    attention_of,
    labels_in_turn,
    watch,
)
from ganspec.sampling.sampler import Sampler, load_weights, trained_network

GAN = """
name: attentive
data: {dataset: {shapes: {count: 8}}, size: 8}
latent: {size: 4}
condition: {kind: classes, size: 24}
generator:
  condition: concat
  layers:
    - project: [8, 4, 4]
    - relu
    - self_attention
    - conv_transpose: {out: 3, kernel: 4, stride: 2}
    - tanh
discriminator:
  condition: channel
  layers:
    - conv: 8
    - leaky_relu
    - self_attention: {form: pooled, weight_norm: spectral}
    - flatten
    - linear: 1
objective: {loss: hinge}
optimizers: adam
train: {batch: 4}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with four runs: `gan`, `classifier`, `plain` and `judge`.

    `plain` is the GAN without attention; in `judge`, only the discriminator reads labels.
    """
    folder = tmp_path_factory.mktemp("runs")
    texts = {"gan": GAN, "classifier": CLASSIFIER.replace("- relu", "- self_attention")}
    plain = [line for line in GAN.splitlines() if "self_attention" not in line]
    texts["plain"] = "\n".join(plain)
    texts["judge"] = GAN.replace("  condition: concat\n", "")
    for name, text in texts.items():
        ganspec.train(loads(text), folder / name, steps=2)
    return folder


def by_hand(layer, x, pooled):
    """Return a layer's attention, N x positions x positions, from its 1 x 1 convolutions."""
    query, key = (
        torch.einsum("oi,nihw->nohw", conv.weight[:, :, 0, 0], x)
        + (conv.bias[:, None, None] if conv.bias is not None else 0)
        for conv in (layer.query, layer.key)
    )
    if pooled:
        key = torch.nn.functional.max_pool2d(key, 2)
    scores = torch.einsum("ncq,nck->nqk", query.flatten(2), key.flatten(2))
    return scores.exp() / scores.exp().sum(2, keepdim=True)


def test_maps_are_the_softmax_of_queries_and_keys(runs):
    generator, discriminator = attention_of(runs / "gan")
    assert generator.layer == "generator.layers.2"
    assert discriminator.layer == "discriminator.layers.2"
    sampler = Sampler(runs / "gan", torch.device("cpu"))
    latent, labels = sampler.inputs(5, seed=0).values()
    network = sampler.generator
    with torch.no_grad():
        images = network(latent, labels)
    weights = load_weights(sampler.run)
    judge, _ = trained_network(sampler.run, "discriminator", weights, torch.device("cpu"))
    for found, net, inputs, side in (
        (generator, network, (latent, labels), 4),
        (discriminator, judge, (images, labels), 8),
    ):
        (layer,) = (m for m in net.modules() if hasattr(m, "gamma"))
        seen = []
        hook = layer.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
        with torch.no_grad():
            net(*inputs)
            wanted = by_hand(layer, seen[0], pooled=found is discriminator)
        hook.remove()
        for place, (down, across) in enumerate(QUERIES):
            position = int(down * side) * side + int(across * side)
            maps = torch.from_numpy(found.maps[:, place])
            torch.testing.assert_close(maps.flatten(1), wanted[:, position])
            torch.testing.assert_close(maps.sum((1, 2)), torch.ones(5))
        assert found.gamma == layer.gamma.item()
        drawn = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        assert np.array_equal(found.images, drawn)
    assert generator.maps.shape == discriminator.maps.shape == (5, 5, 4, 4)


def test_a_classifier_attends_to_real_images(runs):
    (found,) = attention_of(runs / "classifier")
    assert found.layer == "classifier.layers.2"
    assert found.images.shape == (5, 8, 8, 3) and found.maps.shape == (5, 5, 4, 4)


def test_a_judge_gets_labels_in_turn_if_the_generator_reads_none(runs):
    generator, discriminator = attention_of(runs / "judge")
    sampler = Sampler(runs / "judge", torch.device("cpu"))
    (latent,) = sampler.inputs(5, seed=0).values()
    with torch.no_grad():
        images = sampler.generator(latent)
    judge, _ = trained_network(sampler.run, "discriminator", sampler.weights, torch.device("cpu"))
    layers = attention_layers(judge)
    (wanted,), _ = watch(judge, layers, images, torch.arange(5))
    (other,), _ = watch(judge, layers, images, torch.arange(5) + 5)
    assert np.array_equal(discriminator.maps, wanted)
    assert not np.array_equal(discriminator.maps, other)
    assert np.array_equal(discriminator.images, generator.images)


def test_labels_in_turn_begin_again_after_the_last():
    spec = loads(GAN.replace("size: 24", "size: 3"))
    assert labels_in_turn(spec).tolist() == [0, 1, 2, 0, 1]
    spec = loads(GAN.replace("kind: classes, size: 24", "kind: multi_hot, size: 2"))
    assert labels_in_turn(spec).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [1, 0]]


def test_attention_is_drawn_beside_its_images(runs, tmp_path, monkeypatch):
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda f, *a, **k: (drawn.append(f), save(f, *a, **k)))
    for name in ("a.png", "b.pdf", "c.svg", "d.pdf", "e.svg"):
        result = CliRunner().invoke(
            app, ["show", str(runs / "gan"), "--attention", "-o", str(tmp_path / name)]
        )
        assert result.exit_code == 0, result.output
    for first, second in (("b.pdf", "d.pdf"), ("c.svg", "e.svg")):  # no dates, no random ids
        assert (tmp_path / first).read_bytes() == (tmp_path / second).read_bytes()
    upper, lower = drawn[0].subfigs
    gamma = attention_of(runs / "gan")[0].gamma
    title = f"generator.layers.2: attention to 4 x 4 places, gamma {gamma:.3g}"
    assert upper.get_suptitle() == title
    for part in (upper, lower):
        assert len(part.axes) == 5 * 6
        whole, *maps = part.axes[:6]
        dots = [(*line.get_xdata(), *line.get_ydata()) for line in whole.lines]
        assert dots == [(2, 2), (6, 2), (4, 4), (2, 6), (6, 6)]
        assert [(*m.lines[0].get_xdata(), *m.lines[0].get_ydata()) for m in maps] == dots


def test_what_has_no_attention_is_one_line(runs, tmp_path):
    (tmp_path / "x.png").write_text("mine")
    cases = {
        (str(runs / "plain"), "--attention"): "no self_attention in its generator and disc",
        (str(runs / "gan"), "-o", "a.png"): "end the name of a.png in .svg, or,",
        (
            "dcgan",
            "-o",
            "a.html",
        ): "end its name in .txt, .svg, .mmd, .tex, .md, .markdown or .json",
        ("a.yaml", "--attention"): "--attention needs a run folder",
        (str(tmp_path), "--attention"): "is no run",
        (str(runs / "gan"), "--attention", "--latex"): "are two forms: choose one",
        (str(runs / "gan"), "--attention", "--set", "a=1"): "--set changes a spec",
        (str(runs / "gan"), "--attention", "-o", "a.jpg"): "end its name in .png, .pdf or .svg",
        (str(runs / "gan"), "--attention", "-o", str(tmp_path / "x.png")): "add --overwrite",
    }
    for words, said in cases.items():
        result = CliRunner().invoke(app, ["show", *words])
        assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
        assert said in result.output
    assert (tmp_path / "x.png").read_text() == "mine"
