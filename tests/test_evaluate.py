"""`ganspec evaluate`, and training that takes scores on its way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_gans import GREY
from small_systems import CLASSIFIER, DENOISING, MULTI_HOT
from torch.utils.data import Dataset
from typer.testing import CliRunner

import ganspec
from ganspec import train
from ganspec.cli import app
from ganspec.evaluation import reference
from ganspec.evaluation.classifier import classifier_extractor
from ganspec.evaluation.extractor import Extractor, ExtractorError, register
from ganspec.evaluation.extractors import open_extractor
from ganspec.evaluation.reference import RealImages, open_real, reference_activations
from ganspec.evaluation.runs import EvaluationOptions, Evaluator
from ganspec.evaluation.scoring import Scorer
from ganspec.evaluation.subject import Subject, unchanged_images
from ganspec.kinds.dataset import DataError
from ganspec.kinds.metric import MetricError
from ganspec.kinds.metrics.fidelity import fidelity
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.runs.run import Run
from ganspec.runs.score_file import ScoreRow, append_scores, forget_scores, read_scores
from ganspec.sampling.sampler import Sampler
from ganspec.systems import checkpoint

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
    """Give each test an empty cache."""
    monkeypatch.setattr(reference, "CACHE", tmp_path / "references")
    return tmp_path / "references"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a small classifier's run and a small conditional GAN's."""
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
    theirs = fidelity().calculate_metrics(
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


# -- InceptionV3 ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    """Random weights of torch-fidelity's InceptionV3, in a file."""
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    cls = fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    torch.save({}, path)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cls, "load_state_dict", lambda self, state: None)
        network = cls("inception-v3-compat", ["2048"], path)
    torch.save(network.state_dict(), path)
    return path


def write_pictures(folder: Path, count: int, seed: int, size=(20, 24)) -> Path:
    folder.mkdir()
    random = np.random.default_rng(seed)
    for i in range(count):
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return folder


def test_folders_score_as_torch_fidelity_scores_them(tmp_path, inception, monkeypatch):
    """Through InceptionV3 from end to end, by `calculate_metrics` and by the command."""
    one, two = write_pictures(tmp_path / "a", 3, 0), write_pictures(tmp_path / "b", 3, 1, (16, 16))
    # one picture of another size: each is scored at its own
    Image.new("L", (30, 10), 77).save(two / "03.png")
    theirs = fidelity().calculate_metrics(
        input1=str(one),
        input2=str(two),
        fid=True,
        batch_size=1,
        feature_extractor_weights_path=str(inception),
        feature_layer_fid="192",  # of 2,048 features its eigenvalues take half a minute
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )
    monkeypatch.setenv("GANSPEC_INCEPTION", str(inception))
    status, output = invoke("--images", one, "--reference", two, "--layer", 192)
    assert status == 0, output
    value = float(output.splitlines()[0].rpartition(" ")[2])
    assert value == pytest.approx(theirs["frechet_inception_distance"], rel=2e-3)
    assert "fewer images (3) than features (192)" in output
    assert "layer 192, against 4 of b" in output

    extractor = open_extractor("inception", CPU)
    grey = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
    features, logits = extractor(grey)
    cls = fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    theirs = cls("inception-v3-compat", ["2048", "logits_unbiased"], str(inception))
    wanted = theirs(grey.expand(1, 3, 8, 8))
    torch.testing.assert_close((features, logits), wanted, rtol=1e-4, atol=1e-5)


def test_weights_are_read_as_data_and_missing_ones_are_named(tmp_path, inception, monkeypatch):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    torch.save({"fc.weight": torch.zeros(3)}, tmp_path / "other.pth")
    for name, said in [("evil", "more than weights"), ("other", "another network"), ("no", "not")]:
        with pytest.raises(ExtractorError, match=said):
            open_extractor("inception", CPU, None, tmp_path / f"{name}.pth")
    assert not (tmp_path / "ran").exists()

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.delenv("GANSPEC_INCEPTION", raising=False)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    with pytest.raises(ExtractorError) as error:
        open_extractor("inception", CPU)
    place = tmp_path / "hub" / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    assert f"at {place}, or name it with --inception-weights" in str(error.value)
    assert "\n" not in str(error.value)


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
    assert kinds == [*made, ("inception_score", "real"), ("accuracy", "real")]
    extractor = classifier_extractor(runs / "classifier", CPU, None)
    real = open_real(loads(GAN).data, None, None)
    row = json.loads((gan / "scores.jsonl").read_text().splitlines()[0])
    assert row.pop("value") > 0
    assert row.pop("note") == "fewer images (30) than features (128)"
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
        },
        "resize": "antialias",
        "seed": 3,
        "labels": "train images",
        "reference": {"dataset": "shapes", "split": "train", "images": 64, "sha256": real.sha256},
    }
    # of real images alone there are no others, but these are some
    for row in rows[3:]:
        own = row.reference
        assert (own.dataset, own.split, own.images) == ("shapes", "train", 30)
        assert len(own.sha256) == 64 and own.sha256 != real.sha256
    assert all(row.reference is None for row in rows[1:3])
    # outputs are of no layer
    assert {row.extractor.layer for row in rows[1:]} == {None}
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
    assert status == 2 and "not several" in output


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


def test_mistakes_are_one_line(runs, tmp_path):
    gan, classifier = runs / "gan", runs / "classifier"
    extractor = ("--extractor", classifier)
    for words, said in [
        ((), "name a run folder"),
        ((gan, "--images", tmp_path), "name a run folder"),
        ((gan, *extractor, "-m", "fdi"), "try `fid`"),
        ((gan, "--extractor", "nowhere"), "no extractor nowhere"),
        ((gan, "--extractor", gan), "trains no classifier"),
        ((gan, *extractor, "--layer", "layers.99"), "no layer `layers.99`"),
        ((gan, *extractor, "--split", "half"), "use train or test"),
        ((gan, *extractor, "--conditions", "no such"), "no label"),
        ((gan, *extractor, "-n", "5"), "needs 10 images"),
        ((gan, *extractor, "-n", "1", "-m", "fid"), "fid needs 2 images"),
        ((gan, *extractor, "-m", "fid", "--real"), "real images alone have no fid"),
        ((gan, *extractor, "--inception-weights", "w.pt"), "not those of"),
        ((gan, *extractor, "--reference", gan, "--split", "test"), "--split means nothing"),
        ((classifier, "-m", "fid"), "real images alone have no fid"),
        ((classifier, *extractor), "--extractor means nothing"),
        ((classifier, "--raw"), "--raw means nothing"),
        (("--images", gan, "--step", "4"), "--every-snapshot and --step"),
        (("--images", gan, "-n", "4"), "-n means nothing for a folder of images"),
        (("--images", gan, "--real"), "--real means nothing for a folder of images"),
        ((gan, *extractor, "--step", "3"), "no weights of step 3"),
        ((gan, *extractor, "--step", "4", "--every-snapshot"), "choose"),
        (("--images", tmp_path / "none", *extractor), "is no folder"),
        (("--images", tmp_path, *extractor), "no jpg, png"),
    ]:
        status, output = invoke(*words)
        assert status == 2, words
        assert said in output, output
        assert len(output.splitlines()) == 1, output
    assert not (gan / "scores.jsonl").exists()
    npz = loads(CLASSIFIER.replace("{shapes: {count: 64}}", "npz"))
    with pytest.raises(DataError, match="npz has no test split"):
        open_real(npz.data, None, "test")


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
    """Return the small GAN, which takes scores on its way."""
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
    made, *_, real = Evaluator(runs / "gan", wanted).scores()
    assert made.reference.images == 12 and real.reference.images == 10
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
    monkeypatch.setattr("ganspec.evaluation.runs.open_extractor", lambda *_: None)
    spec = loads(GREY.replace("size: [8, 12]", "size: [8, 12], transpose: true"))
    run = train(spec, tmp_path / "run", steps=1)
    (tmp_path / "real").mkdir()
    Image.new("L", (3, 5), 7).save(tmp_path / "real" / "0.png")
    evaluator = Evaluator(run.folder, EvaluationOptions(reference=tmp_path / "real"))
    with pytest.warns(UserWarning, match=r"images of grey are transposed, those of .*real are not"):
        (images,) = evaluator.real.batches(1)
    assert images.shape == (1, 3, 5, 3)
