"""Images from a generator: which latents, labels and weights they are drawn from."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import torch
from conftest import ROOT, assert_same_weights, training_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import stats
from small_gans import COLOUR, GREY
from small_systems import cfg_of

import ganspec
from ganspec.language.load import loads
from ganspec.runs.run import Run, RunError
from ganspec.sampling.label_names import LabelError, find_labels, label_names
from ganspec.sampling.sampler import Sampler
from ganspec.systems import checkpoint
from ganspec.systems.grid import save_grid
from ganspec.systems.latents import latents, linear, spherical, truncate
from ganspec.systems.source import PORTION, Source, SourceError, quantize, regrouped
from ganspec.training.images import open_images

CPU = torch.device("cpu")
FASHION = ganspec.load(ROOT / "specs" / "cgan_fashion.yaml")
ICLEVR = ganspec.load(ROOT / "specs" / "cgan_iclevr.yaml")


def asked(wish, spec):
    return find_labels(wish, spec, spec.data.dataset.classes(None))


def row(*indices):
    return torch.zeros(24).index_fill(0, torch.tensor(indices), 1.0)


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """Return a run of three epochs of three steps, with a snapshot of each and an average."""
    return ganspec.train(loads(GREY), tmp_path_factory.mktemp("runs") / "grey", steps=9)


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    return ganspec.train(loads(COLOUR), tmp_path_factory.mktemp("runs") / "colour", steps=2)


def drawn(source, count, seed, batch=None):
    images, labels = zip(*source.images(count, seed, batch), strict=True)
    return torch.cat(images), None if labels[0] is None else torch.cat(labels)


# -- labels that are asked for ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "wish", "label"),
    [
        (FASHION, "3", torch.tensor([3])),
        (FASHION, "Sneaker", torch.tensor([7])),
        (FASHION, "0, Coat,2", torch.tensor([0, 4, 2])),
        (FASHION, "all", torch.arange(10)),
        (ICLEVR, "red cube", row(1)[None]),
        (ICLEVR, "red cube, gray cube,2", row(1, 0, 2)[None]),
        (ICLEVR, "red cube, 2; 7", torch.stack([row(1, 2), row(7)])),
        (ICLEVR, "all", torch.eye(24)),
    ],
)
def test_wishes(spec, wish, label):
    assert torch.equal(asked(wish, spec), label)


def test_a_file_of_conditions(tmp_path):
    path = tmp_path / "test.json"
    path.write_text(json.dumps([["red cube"], ["gray cube", "gray sphere"]]))
    assert torch.equal(asked(str(path), ICLEVR), torch.stack([row(1), row(0, 8)]))
    path.write_text(json.dumps(["Coat", 9]))
    assert asked(str(path), FASHION).tolist() == [4, 9]


@pytest.mark.parametrize(
    ("spec", "wish", "said"),
    [
        (FASHION, "10", "a number below 10"),
        (FASHION, "sneakers", "try `Sneaker`"),
        (FASHION, "-1", "no label is called `-1`"),
        (FASHION, "1,,2", "no label is called ``"),
        (ICLEVR, "red cone", "no label"),
        (ICLEVR, "nowhere.json", "nowhere.json"),
        (ganspec.load(ROOT / "specs" / "dcgan.yaml"), "3", "no condition"),
    ],
)
def test_wishes_that_cannot_be_met(spec, wish, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabelError, match=said) as raised:
        asked(wish, spec)
    assert "\n" not in str(raised.value)


def test_files_that_ask_for_nothing_or_too_much(tmp_path):
    path = tmp_path / "wishes.json"
    for text, said in [("{", "not JSON"), ("[]", "no list"), ('[["Coat", "Bag"]]', "several")]:
        path.write_text(text)
        with pytest.raises(LabelError, match=said):
            asked(str(path), FASHION)


def test_numbers_are_labels_where_the_file_of_names_is_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shapes = "data.dataset={shapes: {labels: gone/train.json}}"
    spec = ganspec.load(ROOT / "specs" / "cgan_iclevr.yaml", [shapes])
    names = label_names(Run(tmp_path), spec)
    assert torch.equal(find_labels("5", spec, names), row(5)[None])
    with pytest.raises(LabelError, match="a number below 24"):
        find_labels("red cube", spec, names)


def test_a_run_knows_its_labels_without_its_data(colour, tmp_path):
    """Its folder's own names count, wherever the data set is; a stranger's must be names."""
    copy = Run(tmp_path / "copy")
    shutil.copytree(colour.folder, copy.folder)
    names = json.loads(copy.info_path.read_text())["classes"]
    assert names == colour.spec.data.dataset.classes(None)
    assert label_names(copy, copy.spec) == names
    own = [*(f"solid {i}" for i in range(24)), "one too many"]
    copy.info_path.write_text(json.dumps({"classes": own}))
    sampler = Sampler(copy.folder, CPU)
    sampler.ask("solid 23")
    assert sampler.labels.tolist() == [23]
    with pytest.raises(LabelError, match="a number below 24"):
        sampler.ask("one too many")
    for text in ("", "[]", '{"classes": 3}', '{"classes": [1]}', '{"classes": []}', "[" * 9**5):
        copy.info_path.write_text(text)
        assert label_names(copy, copy.spec) == names


def test_images_that_are_no_numbers_are_not_drawn(grey, tmp_path):
    copy = Run(tmp_path / "copy")
    shutil.copytree(grey.folder, copy.folder)
    state = checkpoint.load(copy.checkpoint_path)
    for weights in (state["average"], state["networks"]["generator"]):
        for name, weight in weights.items():
            if name.endswith("running_var"):
                weight.fill_(-1)  # finite, but its root is not
    checkpoint.save(copy.checkpoint_path, state)
    with pytest.raises(SourceError, match="an earlier step"):
        drawn(Sampler(copy.folder, CPU), 2, 0)


# -- the same images, however they are drawn --------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_an_image_is_the_same_for_every_count_and_batch(grey, few, more, batch, seed):
    few, more = sorted((few, more))
    sampler = Sampler(grey.folder, CPU)
    first, _ = drawn(sampler, few, seed, batch)
    second, _ = drawn(sampler, more, seed)
    assert first.dtype == torch.uint8
    assert first.shape == (few, 1, 8, 12)
    assert torch.equal(first, second[:few])
    sizes = [len(images) for images, _ in sampler.images(few, seed, batch)]
    assert sizes == [min(batch, few - start) for start in range(0, few, batch)]


def test_the_generator_always_gets_as_many(grey):
    """Kernels for other batches round otherwise: one of 200,704 pixels of a DCGAN was another."""
    sampler, seen = Sampler(grey.folder, CPU), []
    sampler.generator.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    for count, batch in ((1, None), (31, 5), (33, 100), (64, 64)):
        drawn(sampler, count, 0, batch)
    assert set(seen) == {PORTION["cpu"]}


def test_images_are_what_the_generator_makes_of_the_inputs(grey, colour):
    for run in (grey, colour):
        sampler = Sampler(run.folder, CPU)
        inputs = sampler.inputs(40, 3)
        with torch.no_grad():
            made = sampler.generator(*inputs.values())
        low, high = sampler.spec.data.range
        pixels = ((made.double() - low) / (high - low) * 255).round()
        images, labels = drawn(sampler, 40, 3)
        assert (images - pixels).abs().max() <= 1  # kernels for 32 and 40 may round otherwise
        assert (images != pixels).float().mean() < 1e-3
        assert torch.equal(inputs.get("labels", torch.empty(0)), torch.empty(0)) == (labels is None)
        if labels is not None:
            assert torch.equal(labels, inputs["labels"])


@pytest.mark.parametrize("text", [GREY, COLOUR])
def test_pixels_are_rounded_as_in_a_runs_grids(text, tmp_path):
    cfg, random = cfg_of(text), torch.Generator().manual_seed(0)
    image = torch.empty(1, 3, 30, 40).uniform_(-1.2, 1.2, generator=random)
    save_grid(image, tmp_path / "grid.png", 1, cfg)
    with Image.open(tmp_path / "grid.png") as grid:
        pixels = np.asarray(grid)[2:-2, 2:-2]
    assert np.array_equal(quantize(image, cfg)[0].permute(1, 2, 0).numpy(), pixels)


def test_every_image_has_latents_of_its_own_and_every_seed_others(grey):
    sampler = Sampler(grey.folder, CPU)
    first, second = (sampler.inputs(100, seed)["latent"] for seed in (0, 1))
    assert len(torch.cat([first, second]).unique(dim=0)) == 200


def test_latents_are_those_that_training_draws_from():
    for spec, whole in [
        (GREY, stats.norm()),
        (COLOUR, stats.uniform()),
        (COLOUR.replace("range: [0, 1]}\ngen", "range: [-3, 2]}\ngen"), stats.uniform(-3, 5)),
    ]:
        stream = latents(0, cfg_of(spec))
        numbers = torch.cat([next(stream) for _ in range(100)]).flatten().numpy()
        assert stats.kstest(numbers, whole.cdf).pvalue > 0.01


def test_labels_repeat(colour):
    sampler = Sampler(colour.folder, CPU)
    assert sampler.inputs(70, 0)["labels"].tolist() == [i % 64 % 24 for i in range(70)]
    sampler.ask("red cube")
    assert sampler.inputs(5, 0)["labels"].tolist() == 5 * [3]
    sampler.ask("7,9")
    assert drawn(sampler, 5, 0)[1].tolist() == [7, 9, 7, 9, 7]


def test_unconditional_generators_cannot_be_asked(grey):
    with pytest.raises(LabelError, match="no condition"):
        Sampler(grey.folder, CPU).ask("3")


def test_sampling_leaves_the_random_state_and_a_training_as_they_were(grey):
    spec = loads(GREY)
    images = open_images(spec.data, None, CPU)
    plain, sampled = (training_of(spec, *images) for _ in range(2))
    for trainer in (plain, sampled):
        torch.manual_seed(1)
        trainer.advance()
        if trainer is sampled:
            state = torch.get_rng_state()
            drawn(Sampler(grey.folder, CPU), 50, 0)
            source = Source(trainer.networks["generator"], trainer.cfg, CPU)
            for _ in source.images(50, 0):  # a reader may stop or draw in between
                assert torch.equal(torch.get_rng_state(), state)
            assert trainer.networks["generator"].training
        trainer.advance()
    assert_same_weights(
        plain.networks["generator"].state_dict(), sampled.networks["generator"].state_dict()
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 12))
def test_rows_are_regrouped_in_order(lengths, size):
    whole = torch.arange(sum(lengths))
    parts = [(part, -part) for part in whole.split(lengths)]
    groups = list(regrouped(iter(parts), size))
    assert all(len(first) == size for first, _ in groups[:-1])
    assert 1 <= len(groups[-1][0]) <= size
    assert torch.equal(torch.cat([first for first, _ in groups]), whole)
    assert torch.equal(torch.cat([second for _, second in groups]), -whole)


# -- truncated and interpolated latents -------------------------------------------------------


@pytest.mark.parametrize("bound", [0.04, 0.5, 2.0])
def test_truncated_latents_are_distributed_as_by_drawing_again(bound):
    normal = torch.randn(20000, generator=torch.Generator().manual_seed(0))
    ours = truncate(normal, bound)
    assert ours.abs().max() <= bound
    assert ours.dtype == normal.dtype
    assert stats.kstest(ours.numpy(), stats.truncnorm(-bound, bound).cdf).pvalue > 0.01
    again = np.random.default_rng(0).standard_normal(600_000)
    again = again[np.abs(again) <= bound][:15000]  # the paper's own way
    assert stats.ks_2samp(ours.numpy(), again).pvalue > 0.01
    order = normal.argsort()
    assert (ours[order].diff() >= 0).all()  # so that one seed's images are alike for every bound


def test_a_wide_bound_changes_nothing_and_far_numbers_stay_finite():
    far = torch.tensor([-40.0, -9.0, -1.0, 0.0, 3.0, 9.0, 40.0])
    assert torch.allclose(truncate(far[2:5], 9.0), far[2:5], atol=1e-6)
    assert torch.equal(truncate(far, 0.5)[[0, -1]], torch.tensor([-0.5, 0.5]))


def test_truncating_a_sampler(grey, colour):
    sampler = Sampler(grey.folder, CPU)
    free = sampler.inputs(10, 0)["latent"]
    sampler.truncate(0.3)
    assert torch.equal(sampler.inputs(10, 0)["latent"], truncate(free, 0.3))
    with pytest.raises(RunError, match="uniform"):
        Sampler(colour.folder, CPU).truncate(0.3)


vectors = st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3)


@settings(deadline=None)
@given(vectors, vectors, st.floats(0, 1))
def test_the_arc_is_shoemakes(a, b, t):
    start, end = (torch.tensor([v], dtype=torch.float64) for v in (a, b))
    point = spherical(start, end, torch.tensor([[t]], dtype=torch.float64))
    assert torch.isfinite(point).all()
    na, nb = np.linalg.norm(a), np.linalg.norm(b)
    if min(na, nb) < 1e-3:
        return
    angle = math.acos(np.clip(np.dot(a, b) / na / nb, -1, 1))
    if 1e-3 < angle < math.pi - 1e-3:
        weights = math.sin((1 - t) * angle), math.sin(t * angle)
        expected = (weights[0] * np.array(a) + weights[1] * np.array(b)) / math.sin(angle)
        assert np.allclose(point.numpy()[0], expected, atol=1e-6)
        unit = spherical(start / na, end / nb, torch.tensor([[t]], dtype=torch.float64))
        assert abs(unit.norm() - 1) < 1e-6  # on the sphere, and at an even pace
        assert abs(math.acos(np.clip(np.dot(unit.numpy()[0], a) / na, -1, 1)) - t * angle) < 1e-4


def test_ways_end_where_they_should():
    start, end = torch.randn(2, 7, 100, generator=torch.Generator().manual_seed(0))
    for way in (linear, spherical):
        for share, at in ((0.0, start), (1.0, end)):
            assert torch.allclose(way(start, end, torch.full((7, 1), share)), at, atol=1e-6)
    middle = torch.full((7, 1), 0.5)
    assert torch.allclose(linear(start, end, middle), (start + end) / 2)
    assert (
        spherical(start, end, middle).norm(dim=1) > linear(start, end, middle).norm(dim=1)
    ).all()
    same = spherical(start, start, middle)
    assert torch.allclose(same, start, atol=1e-5)


# -- whose weights ----------------------------------------------------------------------------


def test_snapshots_and_averages(grey):
    assert list(grey.snapshots()) == [3, 6, 9]
    for step, raw in [(None, False), (None, True), (3, False), (3, True), (6, False), (9, False)]:
        path = grey.checkpoint_path if step is None else grey.snapshots()[step]
        state = checkpoint.load(path)
        mine = Sampler(grey.folder, CPU, step, raw)
        expected = state["networks"]["generator"] if raw else state["average"]
        assert_same_weights(mine.generator.state_dict(), expected)
        assert (mine.step, mine.averaged) == (step or 9, not raw)
    pictures = [drawn(Sampler(grey.folder, CPU, step), 8, 0)[0] for step in (3, 6, 9)]
    assert not torch.equal(pictures[0], pictures[1])
    raw = drawn(Sampler(grey.folder, CPU, 9, raw=True), 8, 0)[0]
    assert not torch.equal(pictures[2], raw)


def test_the_checkpoint_is_a_step_too(colour):
    assert Sampler(colour.folder, CPU, step=2).step == 2


def test_weights_that_were_not_kept(colour):
    said = r"no weights of step 1, only of 2: `train: \{keep: N\}`"
    with pytest.raises(RunError, match=said) as raised:
        Sampler(colour.folder, CPU, 1)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "labels",
    [torch.tensor([24]), torch.tensor([-1]), torch.zeros(3), torch.zeros(2, 24), "0", None],
)
def test_a_strangers_labels_are_checked(colour, labels, tmp_path):
    state = checkpoint.load(colour.checkpoint_path)
    state.pop("version")
    checkpoint.save(tmp_path / "checkpoint.pt", {**state, "fixed": {"labels": labels}})
    (tmp_path / "spec.yaml").write_bytes(colour.spec_path.read_bytes())
    with pytest.raises(checkpoint.CheckpointError, match="does not fit"):
        Sampler(tmp_path, CPU)
