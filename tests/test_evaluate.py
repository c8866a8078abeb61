"""`ganspec evaluate`, and trainings that measure scores."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_image_folder
from PIL import Image
from small_gans import GREY
from small_systems import CLASSIFIER, DENOISING, MULTI_HOT
from torch.utils.data import Dataset
from typer.testing import CliRunner

import ganspec
from ganspec import progress, train
from ganspec.cli import app
from ganspec.evaluation import real_images, reference
from ganspec.evaluation.classifier import classifier_extractor
from ganspec.evaluation.extractor import Extractor, ExtractorError, register
from ganspec.evaluation.extractors import ExtractorChoice, open_extractor
from ganspec.evaluation.options import EvaluationOptions
from ganspec.evaluation.reference import (
    RealImages,
    draw_images,
    halve,
    open_real,
    reference_activations,
)
from ganspec.evaluation.runs import Evaluator
from ganspec.evaluation.scoring import Scorer
from ganspec.evaluation.subject import Subject, choose_images, unchanged_images
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.image_folder import ImageFiles
from ganspec.kinds.metric import MetricError
from ganspec.kinds.metrics.fidelity import import_fidelity, import_torchvision
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.progress import Progress
from ganspec.runs.run import Run, RunError
from ganspec.runs.score_file import ScoreRow, append_scores, forget_scores, read_scores
from ganspec.sampling.sampler import Sampler
from ganspec.systems import checkpoint
from ganspec.training.images import open_images

CPU = torch.device("cpu")
GAN = """
name: small
data: {dataset: {shapes: {count: 64}}, size: 8}
condition: {kind: classes, size: 24}
latent: {size: 4}
generator: {condition: concat, layers: [{project: [8, 4, 4]}, relu, upsample, {conv: 3}, tanh]}
discriminator: {layers: [{conv: {out: 4, stride: 2}}, leaky_relu, flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
train: {batch: 16, epochs: 4, keep: 1, average: 0.9}
report: {scores: [{metric: fid, value: 1.5, images: 99}, {metric: fid, value: 0, of: real}]}
"""
EVALUATE = "evaluate: {metrics: [fid, inception_score], images: 40, every: 2, extractor: EXTRACTOR}"
USUAL = {name: kind() for name, kind in kinds_of("metric").items()}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give each test an empty cache of real images' features. Return its folder."""
    monkeypatch.setattr(reference, "CACHE", tmp_path / "references")
    return tmp_path / "references"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with a run of a small classifier and one of a small conditional GAN."""
    folder = tmp_path_factory.mktemp("runs")
    train(loads(CLASSIFIER), folder / "classifier", steps=40)
    train(loads(GAN), folder / "gan")
    return folder


def invoke(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def copied(run: Path, to: Path) -> Path:
    """Return a run that a test may write into."""
    import shutil

    shutil.copytree(run, to)
    return to


# -- extractors -------------------------------------------------------------------------------

BY_HAND = """
name: plain
data: {dataset: {shapes: {count: 64}}, size: 8, channels: 1, range: [0, 1]}
label: {kind: classes, size: 24}
classifier: {layers: [flatten, {linear: 12}, relu, {linear: 24}, softmax]}
objective: {loss: {cross_entropy: {reads: probabilities}}}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 8}
"""


@pytest.mark.parametrize("colour", [1, 3])
def test_a_classifiers_features_and_logits_are_numpys(tmp_path, colour):
    run = train(loads(BY_HAND), tmp_path / "plain", steps=5)
    images = torch.randint(256, (6, colour, 8, 8), generator=torch.Generator().manual_seed(0))
    images = images.to(torch.uint8)
    features, logits = classifier_extractor(run.folder, CPU, None)(images)
    state = checkpoint.load(run.checkpoint_path)["networks"]["classifier"]
    first, second = (
        (state[f"main.{i}.weight"].double().numpy(), state[f"main.{i}.bias"].double().numpy())
        for i in (1, 3)
    )
    pixels = images.numpy().astype(float)
    if colour == 3:  # ITU-R 601, rounded as PIL does
        grey = [
            np.array(Image.fromarray(i.transpose(1, 2, 0)).convert("L")) for i in images.numpy()
        ]
        pixels = np.stack(grey)[:, None].astype(float)
    hidden = np.maximum(pixels.reshape(6, -1) / 255 @ first[0].T + first[1], 0)
    outputs = hidden @ second[0].T + second[1]
    shares = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    np.testing.assert_allclose(features, hidden, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logits.softmax(1), shares, rtol=1e-5, atol=1e-7)
    # the layer before, by its path and by its number from the end
    for layer in ("layers.1", "-4"):
        before, _ = classifier_extractor(run.folder, CPU, layer)(images)
        np.testing.assert_allclose(before.clamp(min=0), hidden, rtol=1e-5, atol=1e-6)
        assert before.min() < 0
    with pytest.raises(ExtractorError, match=r"no layer `layers\.9`"):
        classifier_extractor(run.folder, CPU, "layers.9")


def test_a_classifier_without_a_linear_or_conv_layer_needs_a_layer(tmp_path):
    layers = "[{conv_transpose: 24}, mean_pool]"
    text = re.sub(r"layers: .*softmax\]", f"layers: {layers}", BY_HAND)
    text = text.replace("{cross_entropy: {reads: probabilities}}", "cross_entropy")
    run = train(loads(text), tmp_path / "odd", steps=1)
    with pytest.raises(ExtractorError, match=r"no linear or conv layer: set `layer` to the"):
        classifier_extractor(run.folder, CPU, None)
    extractor = classifier_extractor(run.folder, CPU, "layers.0")
    assert extractor(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))[0].shape == (2, 24)


def test_maps_are_averaged_and_named(runs):
    extractor = classifier_extractor(runs / "classifier", CPU, "layers.2")
    features, logits = extractor(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    assert (features.shape, logits.shape) == ((2, 8), (2, 24))
    assert (extractor.name, extractor.layer, extractor.classes) == (
        "classifier",
        "layers.2",
        "classes",
    )


class Pictures(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


def test_scores_are_those_of_torch_fidelity_called_with_the_same_extractor(runs):
    """Ours, one pass for all; theirs, `calculate_metrics` with the extractor registered there."""
    extractor = classifier_extractor(runs / "classifier", CPU, None)
    register(extractor, "ganspec-small-classifier")
    random = torch.Generator().manual_seed(0)
    made = torch.randint(256, (250, 3, 8, 8), generator=random).to(torch.uint8)
    real = open_real(loads(CLASSIFIER.replace("count: 64", "count: 300")).data, None, None)
    theirs = import_fidelity("metrics").calculate_metrics(
        input1=Pictures(made),
        input2=Pictures(real.images),
        feature_extractor="ganspec-small-classifier",
        **dict.fromkeys(("isc", "fid", "kid", "prc"), True),
        kid_subset_size=100,
        kid_subsets=10,
        rng_seed=5,
        save_cpu_ram=True,
        cuda=False,
        cache=False,
        verbose=False,
    )
    metrics = [USUAL[name] for name in ("fid", "inception_score", "precision_recall")]
    metrics.append(kinds_of("metric")["kid"](subsets=10, subset_size=100))
    subject = Subject(made.split, len(made), seed=5)
    rows = Scorer(extractor, real).scores(subject, metrics)
    ours = {row.metric: row.value for row in rows}
    assert ours == pytest.approx(
        {
            "fid": theirs["frechet_inception_distance"],
            "inception_score": theirs["inception_score_mean"],
            "kid": theirs["kernel_inception_distance_mean"],
            "precision": theirs["precision"],
            "recall": theirs["recall"],
        },
        rel=1e-5,
        abs=1e-6,
    )


def test_the_data_itself_scores_as_real_and_noise_badly():
    def extract(images):
        colours = images.float().mean((2, 3))
        return colours, colours / 15

    extractor = Extractor("colours", "0", "mean", "none", extract, CPU, 50, "classes")
    random = torch.Generator().manual_seed(0)
    # red, green and blue images, each of its own brightness
    pure = torch.eye(3).repeat(100, 1)[:, :, None, None] * torch.full((300, 1, 4, 4), 200.0)
    shades = torch.rand(300, 1, 1, 1, generator=random)
    real = RealImages((pure * (0.7 + 0.3 * shades)).to(torch.uint8), "colours")
    whole_score = kinds_of("metric")["inception_score"](splits=1)
    scorer, metrics = Scorer(extractor, real), (USUAL["fid"], whole_score)
    perfect = {
        r.metric: r.value for r in scorer.scores(unchanged_images(real, "generated"), metrics)
    }
    (of_real,) = scorer.scores(unchanged_images(real), metrics)
    noise = torch.randint(256, real.images.shape, generator=random).to(torch.uint8)
    bad = {r.metric: r.value for r in scorer.scores(Subject(noise.split, len(noise)), metrics)}
    assert perfect["fid"] < 1e-6 * bad["fid"]
    assert perfect["inception_score"] == of_real.value == pytest.approx(3, abs=0.02)
    assert bad["inception_score"] < 2
    assert (of_real.of, of_real.reference.images) == ("real", 300)


# -- a run's scores ---------------------------------------------------------------------------


def test_a_score_says_what_it_depends_on(runs, tmp_path):
    gan = copied(runs / "gan", tmp_path / "gan")
    status, output = invoke(
        gan, "--extractor", runs / "classifier", "-n", 30, "--seed", 3, "--real"
    )
    assert status == 0, output
    rows = read_scores(gan)
    kinds = [(row.metric, row.of) for row in rows]
    made = [(name, "generated") for name in ("fid", "inception_score", "accuracy")]
    of_real = [(name, "real") for name in ("inception_score", "accuracy", "fid")]
    assert kinds == [*made, *of_real]
    extractor = classifier_extractor(runs / "classifier", CPU, None)
    real = open_real(loads(GAN).data, None, None)
    row = json.loads((gan / "scores.jsonl").read_text().splitlines()[0])
    assert row.pop("value") > 0
    assert row.pop("note") == "no more images (30) than features (128)"
    assert row == {
        "metric": "fid",
        "deviation": None,
        "of": "generated",
        "step": 16,
        "epoch": 4,
        "weights": "average",
        "images": 30,
        "extractor": {
            "name": "classifier",
            "sha256": extractor.sha256,
            "layer": "layers.4",
            "features": 128,
            "weights": None,
        },
        "resize": "antialias",
        "seed": 3,
        "labels": "train images",
        "reference": {
            "dataset": "shapes",
            "split": "train",
            "images": 64,
            "sha256": real.sha256,
            "seed": None,
        },
    }
    # of real images alone there are no others, but these are some
    for row in rows[3:5]:
        own = row.reference
        assert (own.dataset, own.split, own.images) == ("shapes", "train", 30)
        assert len(own.sha256) == 64 and own.sha256 != real.sha256
    assert all(row.reference is None for row in rows[1:3])
    # outputs are of no layer
    assert {row.extractor.layer for row in rows[1:5]} == {None}
    assert f"outputs of classifier ({extractor.sha256[:8]}), shapes train (" in output
    assert output.count(" %\n") == 2 and output.count("averaged weights") == 3
    # the claim is of 99 images, and is marked
    assert "claimed: 1.5 * (* 30 images, not 99)" in output
    assert (gan / "scores.jsonl").read_text().count("\n") == len(rows)
    # the raw weights score otherwise, and another file of the same weights does not
    raw = Evaluator(gan, EvaluationOptions(extractor=str(runs / "classifier"), images=30, raw=True))
    assert raw.scores()[0].weights == "raw"


def test_accuracy_is_of_the_images_that_a_label_was_asked_of(runs):
    wanted = EvaluationOptions(
        (USUAL["accuracy"],), 48, str(runs / "classifier"), conditions="all", seed=2
    )
    (row,) = Evaluator(runs / "gan", wanted).scores()
    sampler = Sampler(runs / "gan", CPU)
    sampler.ask("all")
    extractor = classifier_extractor(runs / "classifier", CPU, None)
    right = [
        int(extractor(image[None])[1].argmax()) == int(label)
        for images, labels in sampler.images(48, 2)
        for image, label in zip(images, labels, strict=True)
    ]
    assert row.value == pytest.approx(100 * sum(right) / 48)
    assert row.labels == "all" and row.images == len(right) == 48
    assert len(row.per_class) == 24


def test_accuracy_over_a_file_of_conditions(tmp_path):
    """Multi-hot: the share of the objects asked for among the classifier's highest outputs."""
    from conftest import write_iclevr

    write_iclevr(tmp_path)
    classifier = MULTI_HOT.replace("FOLDER", str(tmp_path))
    train(loads(classifier), tmp_path / "classifier", steps=30)
    text = GAN.replace("classes", "multi_hot").replace(
        "{shapes: {count: 64}}", f"{{shapes: {{count: 64, labels: {tmp_path}/train.json}}}}"
    )
    train(loads(text), tmp_path / "gan", steps=4)
    asked = [["red cube", "blue sphere"], ["gray cylinder"], ["cyan cube", "red cube", "blue cube"]]
    (tmp_path / "test.json").write_text(json.dumps(asked))
    status, output = invoke(
        tmp_path / "gan", "--extractor", tmp_path / "classifier",
        "--conditions", tmp_path / "test.json",
    )  # fmt: skip
    assert status == 0, output
    (row,) = read_scores(tmp_path / "gan")
    sampler = Sampler(tmp_path / "gan", CPU)
    sampler.ask(str(tmp_path / "test.json"))
    extractor = classifier_extractor(tmp_path / "classifier", CPU, None)
    hits = total = 0
    for images, labels in sampler.images(3, 0):
        for image, label in zip(images, labels, strict=True):
            k = int(label.sum())
            best = extractor(image[None])[1][0].topk(k).indices
            hits, total = hits + int(label[best].sum()), total + k
    assert total == 6
    assert row.value == pytest.approx(100 * hits / 6)
    assert (row.labels, row.images) == ("test.json", 3)
    status, output = invoke(
        tmp_path / "gan", "-m", "inception_score", "--extractor", tmp_path / "classifier"
    )
    assert status == 2 and "predicts one class per image" in output


def test_all_snapshots_cost_one_pass_over_the_real_images(runs, tmp_path, monkeypatch, cache):
    gan, passes = copied(runs / "gan", tmp_path / "gan"), []
    read = RealImages.batches
    monkeypatch.setattr(RealImages, "batches", lambda self, n: passes.append(1) or read(self, n))
    words = (gan, "--every-snapshot", "-m", "fid", "--extractor", runs / "classifier", "-n", 30)
    status, output = invoke(*words)
    assert status == 0, output
    assert len(passes) == 1
    rows = read_scores(gan)
    assert [row.step for row in rows] == [4, 8, 12, 16]
    assert [row.epoch for row in rows] == [1, 2, 3, 4]
    assert len({row.value for row in rows}) == 4
    table = [line.split() for line in output.splitlines()[:5]]
    assert table[0] == ["epoch", "step", "fid"]
    assert [float(line[2]) for line in table[1:]] == pytest.approx(
        [row.value for row in rows], rel=1e-3
    )
    assert (gan / "scores.png").stat().st_size > 5000
    best = min(rows, key=lambda row: row.value)
    assert [line[-1] == "*" for line in table[1:]] == [row is best for row in rows]
    # and none the next time, with the same numbers
    assert invoke(*words)[0] == 0
    assert len(passes) == 1
    assert read_scores(gan)[4:] == rows
    # a damaged file of the cache is made again
    (file,) = cache.iterdir()
    file.write_bytes(b"PK not a checkpoint")
    assert invoke(*words)[0] == 0
    assert len(passes) == 2
    assert read_scores(gan)[8:] == rows


def test_real_images_are_scored_once_for_all_snapshots(runs, tmp_path):
    gan = copied(runs / "gan", tmp_path / "gan")
    metrics = ("-m", "fid", "-m", "inception_score", "--extractor", runs / "classifier")
    status, output = invoke(gan, "--every-snapshot", "--real", *metrics, "-n", 30)
    assert status == 0, output
    found = [(row.metric, row.of, row.step) for row in read_scores(gan)]
    assert len(found) == len(set(found)) == 10
    for of in ("generated", "real"):  # shown with their conditions: the last step, and real images
        assert output.count(f"fid of {of} images") == 1


def test_the_cache_knows_images_and_extractors_by_content(runs, cache):
    extractor = classifier_extractor(runs / "classifier", CPU, None)
    images = torch.randint(256, (20, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    real = RealImages(images.to(torch.uint8), "any")
    first = reference_activations(real, extractor)
    again = reference_activations(RealImages(real.images.clone(), "other name"), extractor)
    assert torch.equal(first.features, again.features) and len(list(cache.iterdir())) == 1
    other = real.images.clone()
    other[7, 1, 2, 3] += 1
    reference_activations(RealImages(other, "any"), extractor)
    reference_activations(real, classifier_extractor(runs / "classifier", CPU, "layers.2"))
    assert len(list(cache.iterdir())) == 3


def test_a_classifier_and_an_autoencoder_are_scored_too(runs, tmp_path):
    classifier = copied(runs / "classifier", tmp_path / "classifier")
    status, output = invoke(classifier)
    assert status == 0, output
    (row,) = read_scores(classifier)
    assert (row.metric, row.of, row.step) == ("accuracy", "real", 40)
    extractor = classifier_extractor(classifier, CPU, None)
    real = open_real(loads(CLASSIFIER).data, None, "test")
    right = (extractor(real.images)[1].argmax(1) == real.labels).float().mean()
    assert row.value == pytest.approx(100 * right.item())

    train(loads(DENOISING), tmp_path / "restoring", steps=4)
    words = (tmp_path / "restoring", "--extractor", classifier, "-n", 32)
    status, output = invoke(*words)
    assert status == 0, output
    rows = read_scores(tmp_path / "restoring")
    assert [row.metric for row in rows] == ["fid", "inception_score", "accuracy"]
    assert rows[0].images == 32 and rows[0].value > 0
    assert invoke(*words)[0] == 0  # its noise is drawn from a seed
    assert read_scores(tmp_path / "restoring")[3:] == rows
    assert invoke(*words, "--seed", 1)[0] == 0


def test_mistakes_are_one_line(runs, tmp_path):
    gan, classifier = runs / "gan", runs / "classifier"
    extractor = ("--extractor", classifier)
    fid = (*extractor, "-m", "fid", "--conditions", "3")
    for words, said in [
        ((), "name a run folder"),
        ((gan, "--images", tmp_path), "name a run folder"),
        ((gan, *extractor, "-m", "fdi"), "try `fid`"),
        ((gan, *extractor, "-m", "fid,kid"), "repeat the option, as -m fid -m kid"),
        ((gan, "--extractor", "nowhere"), "no extractor nowhere"),
        ((gan, "--extractor", gan), "trains no classifier"),
        ((gan, *extractor, "--layer", "layers.99"), "no layer `layers.99`"),
        ((gan, *extractor, "--layer=--1"), "no layer `--1`"),
        ((gan, *extractor, "--split", "half"), "--split is train or test or all"),
        ((gan, *extractor, "--resize", "area"), "--resize is tensorflow1 or bilinear"),
        ((gan, *extractor, "--reference-count", "0"), "is `equal` or a number from 1 on, not `0`"),
        ((gan, *extractor, "--conditions", "no such"), "no label"),
        ((gan, *extractor, "-n", "5"), "needs 10 images"),
        ((gan, *extractor, "-n", "1", "-m", "fid"), "fid needs 2 images"),
        ((gan, *extractor, "--inception-weights", "w.pt"), "not those of"),
        ((gan, *extractor, "--reference", gan, "--split", "test"), "--split means nothing"),
        ((gan, *fid, "--reference", gan, "--data", tmp_path), "--data means nothing for a folder"),
        ((classifier, "-m", "fid"), "real images alone cannot be scored by fid"),
        ((classifier, *extractor), "--extractor means nothing"),
        ((classifier, "--raw"), "--raw means nothing"),
        (("--images", gan, "--step", "4"), "--every-snapshot and --step"),
        (("--images", gan, "-n", "4"), "-n means nothing for a folder of images"),
        (("--images", gan, "--real"), "--real means nothing for a folder of images"),
        ((gan, *extractor, "--step", "3"), "no weights of step 3"),
        ((gan, *extractor, "--step", "4", "--every-snapshot"), "choose"),
        (("--images", tmp_path / "none", *extractor), "is no folder"),
        (("--images", tmp_path, *extractor), "no images in "),
    ]:
        status, output = invoke(*words)
        assert status == 2, words
        assert said in output, output
        assert len(output.splitlines()) == 1, output
    assert not (gan / "scores.jsonl").exists()
    assert not (classifier / "scores.jsonl").exists()
    npz = loads(CLASSIFIER.replace("{shapes: {count: 64}}", "npz"))
    with pytest.raises(DataError, match="npz has no split `test`"):
        open_real(npz.data, None, "test")


def test_an_option_that_the_metrics_do_not_read_is_an_error(runs, tmp_path):
    """Unpaired metrics read no references, metrics of logits no features."""
    gan, spec = runs / "gan", runs / "gan" / "spec.yaml"
    draws = ("--extractor", runs / "classifier", "-n", 12)
    asked = (*draws, "--conditions", "3")  # scored by accuracy
    unpaired = (*draws, "-m", "inception_score")
    for words, flag in [
        ((gan, *unpaired, "--reference-count", 5), "--reference-count"),
        ((gan, *unpaired, "--real", "--reference-count", 5), "--reference-count"),
        ((gan, *unpaired, "--halves"), "--halves"),
        ((gan, *unpaired, "--layer", -1), "--layer"),
        ((gan, *asked, "--split", "test"), "--split"),
        ((gan, *asked, "--reference", tmp_path), "--reference"),
        ((gan, *unpaired, "--reference", tmp_path), "--reference"),
        ((gan, *asked, "--layer", -1), "--layer"),
        ((spec, "--real", *unpaired, "--layer", -1), "--layer"),
        (("--images", gan, "--reference", gan, *unpaired[:2], *unpaired[4:]), "--reference"),
    ]:
        status, output = invoke(*words)
        assert status == 2, words
        names = "accuracy" if "--conditions" in words else "inception_score"
        said = f"error: {flag} means nothing for {names}: leave it out\n"
        assert output.endswith(said), output
    for words in [  # labels and real images are of the split, references read features
        (gan, *draws, "-m", "accuracy", "--split", "test"),
        (gan, *unpaired, "--real", "--split", "test"),
        (gan, *asked, "-m", "fid", "--split", "test", "--layer", -1, "--reference-count", 20),
    ]:
        assert invoke(*words)[0] == 0, words
    (gan / "scores.jsonl").unlink()


def test_no_more_images_are_scored_than_there_are(runs, tmp_path):
    text = BY_HAND.replace("label: {kind: classes, size: 24}\n", "").replace("plain", "restorer")
    text = re.sub("classifier: .*", "autoencoder: {layers: [{conv: 1}, sigmoid]}", text)
    text = re.sub("objective: .*", "objective: {loss: mean_squared_error}", text)
    train(loads(text), tmp_path / "restorer", steps=1)
    extractor = ("--extractor", runs / "classifier", "-m", "inception_score")
    for words, use in [
        ((copied(runs / "classifier", tmp_path / "classifier"),), "test"),
        ((tmp_path / "restorer", *extractor), "restore"),
    ]:
        said = f"error: there are 64 images to {use}, not 65: give -n 64\n"
        assert invoke(*words, "-n", 65) == (2, said)
        assert invoke(*words, "-n", 64)[0] == 0
    status, output = invoke(tmp_path / "restorer", *extractor, "--seed", 3)
    assert status == 2 and "--seed means nothing for images that no seed draws" in output


def test_the_seed_draws_the_references_of_a_folder(runs, tmp_path):
    write_image_folder(tmp_path, 12)
    words = ("--images", tmp_path, "--reference", tmp_path, "--extractor", runs / "classifier")
    status, output = invoke(*words, "-m", "fid", "--reference-count", 5, "--seed", 3)
    assert status == 0 and "drawn by seed 3" in output
    assert invoke(*words, "-m", "fid", "--seed", 3)[0] == 2


# -- protocols --------------------------------------------------------------------------------

CLAIMED = """
  scores:
    - {metric: fid, value: 1.5, images: 24, references: 20, split: test, extractor: classifier}
    - {metric: fid, value: 3, of: real}
"""


def test_references_are_drawn_from_a_seed_and_the_test_split(runs):
    extractor = str(runs / "classifier")

    def score(**options):
        wanted = EvaluationOptions((USUAL["fid"],), 12, extractor, **options)
        (row,) = Evaluator(runs / "gan", wanted).scores()
        return row

    whole, some = score(), score(references=20, seed=3)
    assert (whole.reference.images, whole.reference.seed) == (64, None)
    assert (some.reference.images, some.reference.seed) == (20, 3)
    assert some.value != whole.value
    assert score(references=20, seed=3) == some
    assert score(references=20, seed=4).reference.sha256 != some.reference.sha256
    # as many as generated, of the test split: by hand
    equal = score(references="equal", split="test")
    assert (equal.reference.images, equal.reference.split) == (12, "test")
    real = open_real(loads(GAN).data, None, "test").images
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))[:12].sort().values
    assert equal.reference.sha256 == RealImages(real[order], "any").sha256
    with pytest.raises(DataError, match="shapes train has 64 images, fewer than 65 references"):
        score(references=65)
    with pytest.raises(DataError, match="shapes has no split `all`: it has train and test"):
        score(split="all")


def test_real_images_are_compared_with_the_other_split_or_half(runs, tmp_path):
    def score(**options):
        wanted = EvaluationOptions((USUAL["fid"],), 40, str(runs / "classifier"), **options)
        _, row = Evaluator(runs / "gan", wanted).scores()
        return row

    other, halves = score(real=True), score(halves=True, seed=1)
    assert (other.of, other.images, other.reference.split, other.note[:11]) == (
        *("real", 40, "train"),
        "test images",
    )
    assert (halves.images, halves.reference.images) == (32, 32)
    assert halves.note.startswith("the other half") and halves.value > 0
    # all images of the two halves, by hand
    extractor = classifier_extractor(runs / "classifier", CPU, None)
    images = open_real(loads(GAN).data, None, "train").images
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    halved = (RealImages(images[part.sort().values], "any") for part in order.chunk(2))
    first, second = (extractor.activations(half.batches(50), 32) for half in halved)
    assert halves.value == pytest.approx(USUAL["fid"].measure(second, first, 0)[0].value)


def test_only_real_images_that_a_metric_reads_are_opened(runs, monkeypatch):
    read, opened = real_images.real_images, []

    def noted(spec, data, split):
        opened.append(split)
        return read(spec, data, split)

    monkeypatch.setattr(real_images, "real_images", noted)
    for name, compared, splits in [
        ("accuracy", "", [None]),
        ("fid", "test images", [None, "test"]),
    ]:
        wanted = EvaluationOptions((USUAL[name],), 12, str(runs / "classifier"), real=True)
        made, real = Evaluator(runs / "gan", wanted).scores()
        assert (made.of, real.of, real.note.partition(";")[0]) == ("generated", "real", compared)
        assert opened == splits
        opened.clear()


def test_a_part_of_streamed_images_is_streamed(tmp_path):
    """It has the images, labels and seed of the same part in memory, and reads none beforehand."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    write_image_folder(tmp_path / "one", 12)
    for i in range(7, 12):
        (tmp_path / "one" / f"{i:03d}.png").rename(tmp_path / "two" / f"{i:03d}.png")
    text = GREY.replace("size: [8, 12]", "size: [8, 12], transpose: true")
    data = loads(text.replace("{shapes: {count: 48}}", "image_folder")).data
    opened = (open_images(data, tmp_path, CPU, streamed=each) for each in (False, True))
    memory, streamed = (RealImages(images, "any", labels=labels) for images, labels in opened)

    def parts(real: RealImages) -> list[RealImages]:
        first, second = halve(real, 2)
        return [choose_images(real, 5), first, second, draw_images(first, 5, 3)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageFiles, "__getitem__", None)
        taken = parts(streamed)
    for part, wanted in zip([streamed, *taken], [memory, *parts(memory)], strict=True):
        batches = list(part.batches(4))
        assert [len(batch) for batch in batches] == [len(b) for b in wanted.batches(4)]
        assert torch.equal(torch.cat(batches), wanted.images) and len(part) == len(wanted)
        assert torch.equal(part.labels, wanted.labels) and part.seed == wanted.seed
        assert torch.equal(part.images.files.labels, wanted.labels)
        assert part is streamed or part.sha256 == wanted.sha256
    assert len({part.sha256 for part in [streamed, *taken]}) == 5


def test_a_spec_without_a_run_has_scores_of_its_real_images(runs, tmp_path):
    spec = tmp_path / "small.yaml"
    spec.write_text(GAN.replace("value: 0, of: real", "value: 7, of: real"))
    words = (spec, "--extractor", runs / "classifier", "-n", 32, "-m", "fid")
    status, output = invoke(*words, "--real")
    assert status == 0, output
    assert output.startswith("fid of real images: ") and "claimed: 7" in output
    assert "against 64 of shapes train" in output and "test images" in output
    for mistake, said in [
        (words, "score its real images with --real, or name its run"),
        ((*words, "--real", "--step", 4), "choose among a run's weights"),
        ((*words, "--real", "--raw"), "--raw means nothing for a spec's real images"),
        ((*words[:-1], "inception_score", "--real", "--seed", 5), "no seed draws: leave it out"),
        ((*words, "--real", "--seed", 5), "--seed means nothing for images that no seed draws"),
    ]:
        status, output = invoke(*mistake)
        assert status == 2 and said in output, output
    for read in [("--halves",), ("--real", "--reference-count", 20)]:  # the seed draws these
        assert invoke(*words, *read, "--seed", 5)[0] == 0


def test_a_claims_conditions_are_the_defaults(runs, tmp_path):
    gan = copied(runs / "gan", tmp_path / "gan")
    text = (gan / "spec.yaml").read_text()
    (gan / "spec.yaml").write_text(text[: text.index("report:")] + "report:" + CLAIMED)
    words = (gan, "--extractor", runs / "classifier", "-m", "fid")
    assert invoke(*words)[0] == 0
    status, output = invoke(*words, "-n", 30, "--split", "train", "--reference-count", "equal")
    assert status == 0
    own, other = read_scores(gan)
    assert (own.images, own.reference.images, own.reference.split) == (24, 20, "test")
    assert (other.images, other.reference.images, other.reference.split) == (30, 30, "train")
    assert (
        "claimed: 1.5 * (* 30 images, not 24; against 30 images, not 20; against train, not test)"
        in output
    )


# -- a classifier in a file of weights ---------------------------------------------------------


def write_classifier(runs: Path, folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """Write the spec of the small classifier. Return it with the trained weights."""
    (folder / "classifier.yaml").write_text(CLASSIFIER)
    state = checkpoint.load(runs / "classifier" / "checkpoint.pt")["networks"]["classifier"]
    return folder / "classifier.yaml", state


def test_weights_of_a_file_are_matched_by_name_or_in_order(runs, tmp_path):
    spec, state = write_classifier(runs, tmp_path)
    mine = classifier_extractor(runs / "classifier", CPU, None)
    images = torch.randint(256, (4, 3, 8, 8)).to(torch.uint8)
    renamed = {f"net.{i}.{k.rpartition('.')[2]}": v for i, (k, v) in enumerate(state.items())}
    wrapped = {"epoch": 3, "model": {f"module.{name}": v for name, v in state.items()}}
    for content, origin in [
        (state, "w.pth"),
        (wrapped, "w.pth"),
        ({"nets": {"model.v1.2": state}}, "w.pth"),
        (renamed, f"w.pth, weights in order, as net.0.weight for {next(iter(state))}"),
    ]:
        torch.save(content, tmp_path / "w.pth")
        choice = ExtractorChoice(str(spec), weights=tmp_path / "w.pth")
        extractor = open_extractor(choice, CPU)
        assert (extractor.name, extractor.origin, extractor.sha256) == (
            *("tiny", origin),
            mine.sha256,
        )
        assert torch.equal(extractor(images)[0], mine(images)[0])
    status, output = invoke(
        runs / "gan", "--extractor", spec, "--weights", tmp_path / "w.pth", "-n", 12, "-m", "fid"
    )
    assert status == 0 and "layer layers.4, weights of w.pth, weights in order" in output
    (runs / "gan" / "scores.jsonl").unlink()


def test_torchvisions_resnet_fits_the_reports_classifier(tmp_path):
    """The report's classifier is a file of torchvision's ResNet-18 with 24 outputs."""
    import_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    network = resnet18(num_classes=24).eval()
    torch.save(network.state_dict(), tmp_path / "classifier.pth")
    spec = Path(ganspec.__file__).parent.parent / "specs" / "classifier_iclevr.yaml"
    choice = ExtractorChoice(str(spec), weights=tmp_path / "classifier.pth")
    images = torch.randint(256, (2, 3, 64, 64)).to(torch.uint8)
    _, logits = open_extractor(choice, CPU)(images)
    with torch.no_grad():
        wanted = network(images.float() / 127.5 - 1)
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)


def test_weights_that_do_not_fit_are_named(runs, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    spec, state = write_classifier(runs, tmp_path)
    first, *_, last = state
    less = dict(list(state.items())[:-1])
    flat = {name: t.flatten() for name, t in state.items()}
    for content, said in [
        ({"a": Evil()}, "tensors and plain data: posix.mkdir: save the network's state_dict()"),
        ({"epoch": 3}, "holds no weights"),
        ({"g": state, "d": state}, "holds weights of several networks (g, d)"),
        ({"g.d": state, "g": {"d": state}}, "holds weights of several networks (g.d, g.d)"),
        ({"a": {"b": {"c": state}}}, "holds no weights"),
        ({"": {"": {"": state}}}, "holds no weights"),
        (less, f"the first that only tiny has is {last}"),
        (state | {"more.bias": torch.zeros(1)}, "the first that only the file has is more.bias"),
        (flat, f"does not fit tiny: {first} is "),
        ({f"x{n}": t for n, t in flat.items()}, f"weight 1 in order, x{first} is "),
        ({f"{n}_ih": t for n, t in state.items()}, f"{first}_ih is a weight_ih, but {first} is a"),
    ]:
        torch.save(content, tmp_path / "w.pth")
        choice = ExtractorChoice(str(spec), weights=tmp_path / "w.pth")
        with pytest.raises(ExtractorError) as error:
            open_extractor(choice, CPU)
        assert said in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()
    for choice, said in [
        (ExtractorChoice(str(spec)), "set `weights` to the file of its weights"),
        (ExtractorChoice(str(spec), weights=tmp_path / "none"), "does not exist"),
        (ExtractorChoice(weights=tmp_path / "w.pth"), "`weights` is for the spec file"),
        (ExtractorChoice(str(runs / "classifier"), resize="bilinear"), "leave `resize` out"),
    ]:
        with pytest.raises(ExtractorError, match=re.escape(said)):
            open_extractor(choice, CPU)


def test_a_log_shows_progress(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", 5.0)
    clock = iter([0.0, 10.0, 100.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress("real images", "images", lines=True) as show:
        show(50, 1050)
        show(100, 1050)
        show(1050, 1050)
    said = "real images: 100 of 1,050 images, 5.0 images/s, 3 min left\n"
    assert capsys.readouterr().err == said
    assert [progress.duration(s) for s in (40, 90, 7500)] == ["40 s", "2 min", "2 h 5 min"]


# -- scores.jsonl -----------------------------------------------------------------------------


def test_a_cut_line_costs_itself_only(tmp_path):
    rows = [ScoreRow("fid", float(i), step=i) for i in range(4)]
    append_scores(tmp_path, rows[:2])
    path = tmp_path / "scores.jsonl"
    path.write_text(path.read_text()[:-5])
    append_scores(tmp_path, rows[2:])
    assert read_scores(tmp_path) == [rows[0], *rows[2:]]
    forget_scores(tmp_path, 2)
    assert read_scores(tmp_path) == [rows[0], rows[2]]


# -- in training ------------------------------------------------------------------------------


@pytest.fixture
def scored(runs):
    """Return the spec of a small GAN whose training measures scores."""
    return loads(GAN + EVALUATE.replace("EXTRACTOR", str(runs / "classifier")))


def state_of(run: Run) -> dict:
    return checkpoint.load(run.checkpoint_path)


def assert_same(mine: object, theirs: object) -> None:
    if isinstance(mine, dict):
        assert list(mine) == list(theirs)
        for key in mine:
            assert_same(mine[key], theirs[key])
    elif isinstance(mine, torch.Tensor):
        assert torch.equal(mine, theirs)
    else:
        assert mine == theirs


def test_scores_on_the_way_change_nothing(scored, tmp_path):
    """Bit for bit: the same checkpoint as without them, stopped and resumed or not."""
    plain = train(loads(GAN), tmp_path / "plain")
    whole = train(scored, tmp_path / "whole")
    part = train(scored, tmp_path / "part", steps=9)
    train(scored, part.folder, resume=True)
    for run in (whole, part):
        assert_same(state_of(run), state_of(plain))
    rows = read_scores(whole.folder)
    assert [(r.metric, r.epoch) for r in rows] == [
        (name, epoch) for epoch in (2, 4) for name in ("fid", "inception_score")
    ]
    assert read_scores(part.folder) == rows
    assert (whole.folder / "scores.png").exists()
    # what `ganspec evaluate` says of the same weights
    assert Evaluator(whole.folder, EvaluationOptions()).scores() == rows[2:]
    assert ganspec.emit(scored) == ganspec.emit(loads(GAN))


def test_scores_after_the_checkpoint_are_forgotten(scored, tmp_path):
    run = train(scored, tmp_path / "run", steps=8)
    append_scores(run.folder, [ScoreRow("fid", 1.0, step=12)])
    train(scored, run.folder, steps=10, resume=True)
    assert {row.step for row in read_scores(run.folder)} == {8}


def test_scores_of_few_restored_images_are_not_measured_again(runs, tmp_path):
    line = EVALUATE.replace("EXTRACTOR", str(runs / "classifier")).replace("images: 40, ", "")
    spec = loads(DENOISING.replace("batch: 8", "batch: 8, epochs: 2") + line)
    run = train(spec, tmp_path / "run")
    rows = read_scores(run.folder)
    assert len(rows) == 2 and rows[0].images < EvaluationOptions().image_count
    with pytest.raises(RunError, match="is at step 16 already"):
        train(spec, run.folder, resume=True)
    assert read_scores(run.folder) == rows


@pytest.mark.parametrize("metric", ["fid", "inception_score"])
def test_the_best_weights_are_kept(runs, tmp_path, metric):
    line = EVALUATE.replace("EXTRACTOR", str(runs / "classifier")).replace("every: 2, ", "")
    line = line.replace("[fid, inception_score]", f"[{metric}]")
    spec = loads((GAN + line).replace("keep: 1, ", ""))
    run = train(spec, tmp_path / "run")
    rows = read_scores(run.folder)
    best = (min if metric == "fid" else max)(rows, key=lambda row: row.value)
    assert list(run.snapshots()) == [best.step]
    again = Evaluator(run.folder, EvaluationOptions()).scores(best.step)
    assert again == [best]


@pytest.mark.parametrize(
    "other", [{"resize": "bilinear"}, {"note": "subsets of 9 images"}, {"seed": 5}]
)
def test_the_best_weights_are_those_of_one_protocol(runs, tmp_path, other):
    line = EVALUATE.replace("EXTRACTOR", str(runs / "classifier")).replace("every: 2, ", "")
    line = line.replace("[fid, inception_score]", "[fid]")
    spec = loads((GAN + line).replace("keep: 1, ", ""))
    run = train(spec, tmp_path / "run", steps=8)
    (earlier,) = run.snapshots()
    rows = [replace(row, value=0.0, **other) for row in read_scores(run.folder)]
    (run.folder / "scores.jsonl").unlink()
    append_scores(run.folder, rows)
    train(spec, run.folder, resume=True)
    later = [row for row in read_scores(run.folder) if row.step > 8]
    best = min(later, key=lambda row: row.value)
    assert list(run.snapshots()) == [earlier, best.step]


def test_epochs_may_be_a_list(runs, tmp_path):
    line = EVALUATE.replace("EXTRACTOR", str(runs / "classifier")).replace(
        "every: 2", "every: [1, 4]"
    )
    line = line.replace("[fid, inception_score]", "[inception_score]")
    run = train(loads((GAN + line).replace("keep: 1, ", "keep: [2, 3], ")), tmp_path / "run")
    rows = read_scores(run.folder)
    assert [row.epoch for row in rows] == [1, 4]
    best = max(rows, key=lambda row: row.value)
    assert set(run.snapshots()) == {8, 12, best.step}


def test_what_cannot_be_scored_is_said_before_training(runs, tmp_path):
    for before, after, said in [
        ("images: 40", "images: 1", "fid needs 2 images"),
        ("inception_score", "inception_score: {splits: 41}", "needs 41 images"),
    ]:
        line = EVALUATE.replace("EXTRACTOR", str(runs / "classifier")).replace(before, after)
        with pytest.raises(MetricError, match=said):
            train(loads(GAN + line), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_real_images_of_a_folder_are_scored_and_restored_ones_are_the_data_sets(runs, tmp_path):
    picture = next((runs / "gan" / "samples").glob("*.png"))
    for i in range(12):
        (tmp_path / "real").mkdir(exist_ok=True)
        (tmp_path / "real" / f"{i}.png").write_bytes(picture.read_bytes())
    extractor, folder = str(runs / "classifier"), tmp_path / "real"
    metrics = (USUAL["fid"], USUAL["inception_score"])
    wanted = EvaluationOptions(metrics, 10, extractor, reference=folder, real=True)
    made, _, real, _ = Evaluator(runs / "gan", wanted).scores()
    assert made.reference.images == 12 and real.reference.images == 10
    assert made.labels == "train images"
    train(loads(DENOISING), tmp_path / "restoring", steps=2)
    wanted = EvaluationOptions((USUAL["fid"],), 10, extractor, reference=folder)
    (row,) = Evaluator(tmp_path / "restoring", wanted).scores()
    assert (row.labels, row.reference.dataset) == ("test images", "real")


def test_what_scores_lack_is_said_before_training(tmp_path):
    spec = loads(GAN + EVALUATE.replace("EXTRACTOR", str(tmp_path / "none")))
    with pytest.raises(ExtractorError, match="no extractor"):
        train(spec, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_of_references_is_read_upright_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("ganspec.evaluation.extractors.open_extractor", lambda *_: None)
    spec = loads(GREY.replace("size: [8, 12]", "size: [8, 12], transpose: true"))
    run = train(spec, tmp_path / "run", steps=1)
    (tmp_path / "real").mkdir()
    Image.new("L", (3, 5), 7).save(tmp_path / "real" / "0.png")
    evaluator = Evaluator(run.folder, EvaluationOptions(reference=tmp_path / "real"))
    with pytest.warns(UserWarning, match=r"images of grey are transposed, those of .*real are not"):
        (images,) = evaluator.whole.batches(1)
    assert images.shape == (1, 3, 5, 3)
