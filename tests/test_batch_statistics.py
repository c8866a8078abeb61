"""Networks that normalize by the batch in samples and scores, too: `statistics: batch`."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from conftest import run_source
from hypothesis import given, settings
from hypothesis import strategies as st
from small_gans import COLOUR
from small_systems import CLASSIFIER, DENOISING
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.lower import lower
from ganspec.evaluation.classifier import classifier_extractor
from ganspec.evaluation.reference import RealImages
from ganspec.evaluation.subject import restored_images
from ganspec.language.load import loads
from ganspec.program.measure import costs
from ganspec.program.receptive import receptive_fields
from ganspec.program.statistics import batch_normalizers, fix_statistics
from ganspec.runs.run import Run
from ganspec.sampling.best import Judge
from ganspec.sampling.restored import open_restoration
from ganspec.sampling.sampler import Sampler
from ganspec.systems.batches import scale_pixels
from ganspec.systems.restorer import Restorer

CPU = torch.device("cpu")
BATCH = 12
PLAIN = """
name: plain
vars: {z: 6}
data: {dataset: {shapes: {count: 48}}, size: [8, 12], channels: 1}
latent: {size: z}
generator:
  layers:
    - linear: 96
    - batch_norm: {statistics: batch}
    - relu
    - reshape: [4, 4, 6]
    - conv_transpose: {out: 1, stride: 2}
    - batch_norm: {statistics: batch, scale: false}
    - tanh
discriminator:
  layers:
    - conv: {out: 4, stride: 2}
    - batch_norm: {statistics: batch}
    - leaky_relu: 0.2
    - flatten
    - linear: 1
objective: {loss: non_saturating}
optimizers: {adam: {lr: 0.02}}
train: {batch: 12}
"""
BY_CLASS = COLOUR.replace(
    "[{project: [3, 8, 8]}, sigmoid]",
    "[{project: [3, 8, 8]}, {class_batch_norm: {statistics: batch}}, sigmoid]",
).replace("batch: 16", "batch: 12")
SPECS = {"plain": PLAIN, "by_class": BY_CLASS}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, text in SPECS.items():
        ganspec.train(loads(text), folder / name, steps=4, exact=True)
    return folder


def drawn(source, count, seed, batch=None):
    return torch.cat([images for images, _ in source.images(count, seed, batch)])


def run(*words, status=0):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.exit_code == status, result.output
    return result.output


def by_hand(sampler, count, seed):
    """Return the images that the training's own graph draws, batch by batch, as float pixels."""
    inputs = sampler.inputs(count + -count % BATCH, seed).values()
    network = sampler.generator.train()
    with torch.no_grad():
        images = torch.cat(
            [network(*part) for part in zip(*(i.split(BATCH) for i in inputs), strict=True)]
        )
    network.eval()
    low, high = sampler.spec.data.range
    return ((images - low) / (high - low) * 255)[:count]


# -- samples --------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(SPECS)),
    st.integers(1, 60),
    st.integers(1, 60),
    st.none() | st.integers(1, 70),
    st.integers(0, 2**32 - 1),
)
def test_an_image_is_the_same_for_every_count(runs, name, few, more, batch, seed):
    """And it is the one that training would draw in a batch of its own size."""
    few, more = sorted((few, more))
    sampler = Sampler(runs / name, CPU)
    first = drawn(sampler, few, seed, batch)
    assert torch.equal(first, drawn(sampler, more, seed)[:few])
    assert (first - by_hand(sampler, few, seed)).abs().max() <= 0.5 + 1e-2


def test_labels_that_are_drawn_decide_what_is_in_a_batch(runs):
    sampler = Sampler(runs / "by_class", CPU)
    sampler.ask("3,7")
    labels = torch.cat([labels for _, labels in sampler.images(15, 0)])
    assert labels.tolist() == [(3, 7)[i % 2] for i in range(15)]
    assert (drawn(sampler, 15, 0) - by_hand(sampler, 15, 0)).abs().max() <= 0.5 + 1e-2


def test_pictures_are_one_batch_in_memory_and_in_the_emitted_file(runs, tmp_path, monkeypatch):
    for name, text in SPECS.items():
        out = tmp_path / name
        program = run_source(ganspec.emit(loads(text)))
        monkeypatch.setattr(sys, "argv", ["it", "--steps=4", f"--out={out}", "--device=cpu"])
        program.main()
        ours = (runs / name / "samples" / "0000004.png").read_bytes()
        assert (out / "samples_0000004.png").read_bytes() == ours
        weights = torch.load(out / "weights.pt", weights_only=True)["generator"]
        assert not [key for key in weights if "running" in key]


# -- the best -------------------------------------------------------------------------------------


def test_the_discriminator_judges_whole_batches(runs, tmp_path):
    run("sample", runs / "plain", "--best", 4, "--of", 31, "-o", tmp_path / "best.npz")
    sampler = Sampler(runs / "plain", CPU)
    images, judge = drawn(sampler, 36, 0), Judge(sampler)
    network = judge.network.train()
    with torch.no_grad():
        parts = scale_pixels(images, judge.cfg).split(BATCH)
        scores = torch.cat([network(part) for part in parts])[:31, 0]
    order = scores.argsort(descending=True)[:4]
    with np.load(tmp_path / "best.npz") as arrays:
        assert arrays["chosen"].tolist() == order.tolist()
        np.testing.assert_allclose(arrays["scores"], scores[order], rtol=1e-5)
        chosen = images[order].permute(0, 2, 3, 1).numpy()
        assert np.array_equal(arrays["images"], chosen)


# -- interpolations -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SPECS))
def test_rows_depend_on_no_other_rows_and_end_in_samples(runs, tmp_path, name):
    """All are normalized by the first batch of the seed, which samples 0 to 11 are."""
    more = ["--label", "5"] if name == "by_class" else []
    for rows in (1, 4):
        out = tmp_path / f"{rows}.npz"
        command = ["sample", runs / name, "--interpolate", "linear", "--frames", 5, *more]
        run(*command, "-n", rows, "-o", out)
    one, four = (np.load(tmp_path / f"{rows}.npz")["images"].astype(int) for rows in (1, 4))
    assert np.array_equal(one, four[:5])
    sampler = Sampler(runs / name, CPU)
    if more:
        sampler.ask("5")
    samples = drawn(sampler, 8, 0).permute(0, 2, 3, 1).numpy()
    ends = four.reshape(4, 5, *four.shape[1:])[:, [0, -1]].reshape(samples.shape)
    assert np.abs(ends - samples).max() <= 1


def test_fixed_statistics_are_those_of_a_batch():
    torch.manual_seed(0)
    network = ganspec.build(loads(PLAIN))["generator"].double().eval()
    z = torch.randn(9, 6, dtype=torch.float64)
    expected = network(z)
    fix_statistics(network, z)
    assert not batch_normalizers(network)
    for part in (z[:1], z[3:5]):  # alone, or with others
        rows = [i for i in range(9) if any(torch.equal(z[i], row) for row in part)]
        torch.testing.assert_close(network(part), expected[rows], rtol=1e-12, atol=1e-12)


# -- other systems, which are warned --------------------------------------------------------------

TIED_CLASSIFIER = CLASSIFIER.replace("- batch_norm\n", "- batch_norm: {statistics: batch}\n")
TIED_AUTOENCODER = DENOISING.replace("relu,", "{batch_norm: {statistics: batch}}, relu,")


def test_an_autoencoder_restores_batches_of_trainings_size():
    spec = loads(TIED_AUTOENCODER)
    network = ganspec.build(spec)["autoencoder"]
    cfg = spec.settings(lower(spec))
    images = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8)
    subject = restored_images(Restorer(spec, network, cfg, CPU), RealImages(images, "x"), 20, 0)
    assert [len(part) for part in subject.batches(19)] == [8, 8, 4]


def test_a_restored_image_is_the_same_for_every_count(tmp_path):
    """With 20 images in batches of 8, the third batch has the first images again."""
    spec = loads(TIED_AUTOENCODER.replace("count: 64", "count: 20"))
    ganspec.train(spec, tmp_path / "run", steps=2, exact=True)
    found = open_restoration(Run.open(tmp_path / "run"), "autoencoder", None, None, 3, CPU)
    images = found.images_only(20).all_images(lambda done, count: None)
    for count in (1, 9, 17):
        fewer = found.images_only(count).all_images(lambda done, count: None)
        assert torch.equal(fewer, images[:count])
    order = torch.cat([found.order, found.order[:4]])
    noise = torch.Generator().manual_seed(3)
    network = found.network.train()
    with torch.no_grad():
        restored = torch.cat(
            [spec.restore(network, found.images[p], noise, found.cfg)[1] for p in order.split(8)]
        )
    assert (images - 255 * restored[:20]).abs().max() <= 0.51


def test_a_classifier_reads_features_of_batches_of_trainings_size(tmp_path):
    ganspec.train(loads(TIED_CLASSIFIER), tmp_path / "run", steps=1)
    assert classifier_extractor(tmp_path / "run", CPU, None).batch == 8


# -- what a network costs, and what it sees -------------------------------------------------------


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_costs_and_receptive_fields_do_not_depend_on_it(statistics):
    text = PLAIN.replace("statistics: batch", f"statistics: {statistics}")
    nets = lower(loads(text))
    rows = costs(nets["generator"], macs=True)
    assert [row.trainable for row in rows if row.kind == "batch_norm"] == [192, 1]
    counts = [row.buffers for row in rows if row.kind == "batch_norm"]
    assert counts == ([0, 0] if statistics == "batch" else [192, 2])
    assert sum(row.macs for row in rows) == 6 * 96 + 4 * 1 * 24 * 16
    fields = receptive_fields(nets["discriminator"])
    known = {"batch": "running", "running": "batch"}[statistics]
    other = lower(loads(text.replace(f"statistics: {statistics}", f"statistics: {known}")))
    assert [str(f) for f in fields.values()] == [
        str(f) for f in receptive_fields(other["discriminator"]).values()
    ]


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_one_vector_is_refused_in_one_line(tmp_path, statistics):
    path = tmp_path / "one.yaml"
    path.write_text(PLAIN.replace("statistics: batch", f"statistics: {statistics}"))
    told = run(
        *("train", path, "--set", "train.batch=1", "--steps", 2, "--out", tmp_path / "run"),
        status=2,
    )
    why = "each channel would have a single value, which has no variance"
    assert told.splitlines()[-1] == (
        f"error: `batch: 1` makes batches of one, which the generator's batch_norm at {path}:9:7 "
        f"cannot read: {why}; write `train: {{batch: 2}}` or more"
    )
