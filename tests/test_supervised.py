"""Classifiers and autoencoders: trained, resumed, emitted and pictured as GANs are."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
import torch
from conftest import assert_same_weights, run_source, training_of, write_image_folder
from PIL import Image
from small_systems import (
    CLASSIFIER,
    DENOISING,
    FOLDER,
    LOGITS,
    MULTI_HOT,
    ODD,
    PLAIN,
    PROBABILITIES,
    UNCLIPPED,
    cfg_of,
)
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.kinds.dataset import DataError
from ganspec.language.load import loads
from ganspec.runs.run import Run
from ganspec.systems import checkpoint
from ganspec.systems.autoencoder import step as reconstruction
from ganspec.systems.autoencoder.training import AutoencoderTraining
from ganspec.systems.classifier.training import ClassifierTraining
from ganspec.systems.feed import StreamedImages
from ganspec.training.images import open_images

CPU = torch.device("cpu")
STEPS = 20  # eight batches an epoch: two and a half epochs

SYSTEMS = {
    "classes": CLASSIFIER,
    "probabilities": PROBABILITIES,
    "odd": ODD,
    "multi_hot": MULTI_HOT,
    "denoising": DENOISING,
    "logits": LOGITS,
    "plain": PLAIN,
    "unclipped": UNCLIPPED,
    "folder": FOLDER,
    "transposed": CLASSIFIER.replace("size: 8", "size: [8, 10], transpose: true"),
    "transposed_folder": FOLDER.replace("size: 8", "size: [8, 10], transpose: true"),
}
every_system = pytest.mark.parametrize("text", SYSTEMS.values(), ids=SYSTEMS)
some_systems = pytest.mark.parametrize(
    "text", [CLASSIFIER, MULTI_HOT, UNCLIPPED, FOLDER], ids=["one", "several", "noisy", "files"]
)


@pytest.fixture
def prepared(tmp_path):
    """Return a function from a spec's text to the spec and its data's folder."""
    objects = [f"{c} {s}" for s in ("cube", "sphere") for c in ("red", "blue", "green", "gray")]
    names = [*objects, *(f"{o.split()[0]} cylinder" for o in objects[:4])]
    names += [
        f"{c} {s}"
        for c in ("cyan", "brown", "purple", "yellow")
        for s in ("cube", "sphere", "cylinder")
    ]
    listed = {f"{i}.png": [names[i], names[-1 - i]][: 1 + i % 2] for i in range(10)}
    (tmp_path / "objects.json").write_text(json.dumps({n: i for i, n in enumerate(names)}))
    (tmp_path / "train.json").write_text(json.dumps(listed))

    def prepare(text):
        spec = loads(text.replace("FOLDER", str(tmp_path)))
        if not spec.data.dataset.needs_folder:
            return spec, None
        (tmp_path / "images").mkdir(exist_ok=True)
        write_image_folder(tmp_path / "images", count=64)
        return spec, tmp_path / "images"

    return prepare


def trained(spec, folder, out, steps=STEPS, **options):
    return ganspec.train(spec, out, data=folder, device="cpu", steps=steps, **options)


def network_weights(run):
    return checkpoint.load(run.checkpoint_path)["networks"]


@every_system
def test_training_and_the_emitted_program_agree(text, prepared, tmp_path, monkeypatch, capsys):
    """Equal weights after twenty steps, equal pictures, and the same measured numbers."""
    spec, folder = prepared(text)
    run = trained(spec, folder, tmp_path / "run", exact=True)
    source = ganspec.emit(spec)
    assert "ganspec" not in re.sub('"""', "", source.split('"""', 2)[2])
    if "FOLDER" not in text:  # whose path is as long as it is
        assert max(map(len, source.splitlines())) <= 88
    program = run_source(source)
    arguments = ["--steps", str(STEPS), "--out", str(tmp_path / "out"), "--device", "cpu"]
    arguments += ["--data", str(folder)] if folder else []
    monkeypatch.setattr(sys, "argv", ["tiny.py", *arguments])
    capsys.readouterr()
    program.main()
    mine = network_weights(run)
    theirs = torch.load(tmp_path / "out" / "weights.pt", weights_only=True)
    assert list(mine) == list(theirs) == list(spec.networks)
    for key in mine:
        assert_same_weights(mine[key], theirs[key])

    rows = {row["step"]: row for row in run.rows()}
    lines = capsys.readouterr().out.splitlines()
    ends = [step for step in rows if run.samples_path(step).exists()]
    assert len(lines) == len(ends) >= 3
    for line, step in zip(lines, ends, strict=True):
        said = dict(re.findall(r"(\w+) (-?\d+\.\d{4})", line))
        assert said == {k: f"{v:.4f}" for k, v in rows[step].items() if k != "step"}
        assert ("test_loss" in said) == (spec.data.dataset.kind == "shapes")
        picture = tmp_path / "out" / f"samples_{step:07d}.png"
        if "autoencoder" in mine:
            assert picture.read_bytes() == run.samples_path(step).read_bytes()


def test_an_emitted_program_reads_held_out_images_without_checks_too():
    text = CLASSIFIER.replace("{shapes: {count: 64}}", "cifar10").replace("24", "10")
    source = ganspec.emit(loads(text))
    assert 'split="test"' in source and "checked" not in source


@some_systems
def test_resuming_is_bit_for_bit(text, prepared, tmp_path):
    spec, folder = prepared(text)
    whole = trained(spec, folder, tmp_path / "whole")
    trained(spec, folder, tmp_path / "parts", steps=7)
    torch.rand(5)
    parts = trained(spec, folder, tmp_path / "parts", resume=True)
    a, b = (checkpoint.load(run.checkpoint_path) for run in (whole, parts))
    (key,) = spec.networks
    assert_same_weights(a["networks"][key], b["networks"][key])
    assert torch.equal(a["random"]["cpu"], b["random"]["cpu"])
    # at step 7, the first part was tested too
    assert whole.log_path.read_bytes() == parts.log_path.read_bytes()
    assert len(whole.rows()) == STEPS
    assert whole.samples_path(STEPS).read_bytes() == parts.samples_path(STEPS).read_bytes()


@some_systems
def test_measuring_and_picturing_change_nothing(text, prepared, tmp_path, monkeypatch):
    spec, folder = prepared(text)
    measured = network_weights(trained(spec, folder, tmp_path / "measured"))
    for kind in (ClassifierTraining, AutoencoderTraining):
        monkeypatch.setattr(kind, "measures", lambda self: {})
        monkeypatch.setattr(kind, "picture", lambda self, path: None)
    unmeasured = network_weights(trained(spec, folder, tmp_path / "unmeasured"))
    (key,) = spec.networks
    assert_same_weights(measured[key], unmeasured[key])


def test_what_is_measured_is_what_a_hand_counts(prepared, tmp_path):
    spec, _ = prepared(CLASSIFIER)
    run = trained(spec, None, tmp_path / "run", steps=16)
    rows = run.rows()
    assert all({"loss", "accuracy"} <= set(row) for row in rows)
    assert [row["step"] for row in rows if "test_loss" in row] == [8, 16]
    network = ganspec.build(spec)["classifier"].eval()
    network.load_state_dict(network_weights(run)["classifier"])
    images, labels = spec.data.dataset.test_reader()(None, 8, 8, 3)
    with torch.no_grad():
        scores = network(images / 255).double().numpy()
    chances = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    losses = [-np.log(row[label]) for row, label in zip(chances, labels, strict=True)]
    right = sum(
        max(range(24), key=row.__getitem__) == label
        for row, label in zip(scores.tolist(), labels.tolist(), strict=True)
    )
    assert rows[-1]["test_loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert rows[-1]["test_accuracy"] == pytest.approx(right / 64)


# -- noise, pictures, samples ----------------------------------------------------------------


def test_noise_is_scaled_and_clipped_to_the_range():
    images = torch.rand(4, 3, 8, 8)
    drawn = torch.randn(images.shape, generator=torch.Generator().manual_seed(3))
    random = torch.Generator().manual_seed(3)
    noisy = reconstruction.add_noise(images, random, cfg_of(DENOISING))
    assert torch.equal(noisy, (images + 0.25 * drawn).clip(0, 1))
    wide = reconstruction.add_noise(images, random.manual_seed(3), cfg_of(UNCLIPPED))
    assert torch.equal(wide, images + 0.5 * drawn)
    clipped = cfg_of(UNCLIPPED.replace("clip: false", "clip: true"))
    wide = reconstruction.add_noise(images, random.manual_seed(3), clipped)
    assert torch.equal(wide, (images + 0.5 * drawn).clip(-1, 1))


def test_training_draws_new_noise_for_every_batch_and_tests_under_the_same():
    spec = loads(DENOISING)
    images, _ = open_images(spec.data, None, CPU)
    trainer = training_of(spec, images, None, (images, None))
    cfg = trainer.cfg
    clean = images[:4] / 255
    first, second = (reconstruction.add_noise(clean, None, cfg) for _ in range(2))
    assert not torch.equal(first, second)
    assert trainer.measures() == trainer.measures()
    assert trainer.network.training


@pytest.mark.parametrize(("text", "rows"), [(DENOISING, 3), (LOGITS, 3), (PLAIN, 2)])
def test_reconstructions_are_pictured_in_rows(text, rows, tmp_path):
    run = trained(loads(text), None, tmp_path / "run", steps=1)
    with Image.open(run.samples_path(1)) as picture:
        assert picture.size == (16 * 10 + 2, rows * 10 + 2)
        last = np.asarray(picture)[(rows - 1) * 10 + 2 : rows * 10, 2:10]
    images, _ = open_images(loads(text.replace("64", "64, split: test")).data, None, CPU)
    shown = images[0] if rows == 3 else None  # the clean image is the last row
    if shown is not None:
        assert np.array_equal(last, shown.permute(1, 2, 0).numpy())


def test_sampling_an_autoencoder_reconstructs_test_images(tmp_path):
    run = trained(loads(DENOISING), None, tmp_path / "run", steps=1)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        arguments = ["-n", "20", "--seed", str(seed), "-o", str(tmp_path / name)]
        result = CliRunner().invoke(app, ["sample", str(run.folder), *arguments])
        assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (16 * 10 + 2, 2 * 3 * 10 + 2)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_sampling_a_classifier_is_one_line(tmp_path):
    run = trained(loads(CLASSIFIER), None, tmp_path / "run", steps=1)
    result = CliRunner().invoke(app, ["sample", str(run.folder)])
    assert result.exit_code == 2
    assert result.output.startswith("error: ") and result.output.count("\n") == 1


def test_labels_other_than_declared_are_refused(tmp_path):
    images = np.zeros((16, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(16) % 5)
    text = CLASSIFIER.replace("{shapes: {count: 64}}", "npz").replace("24", "4")
    with pytest.raises(DataError, match="npz has 5 classes, `label` says 4"):
        trained(loads(text), tmp_path / "a.npz", tmp_path / "run")
    fitting = loads(text.replace("size: 4", "size: 5").replace("linear: 4", "linear: 5"))
    run = trained(fitting, tmp_path / "a.npz", tmp_path / "run", steps=1)
    assert run.samples_path(1).exists()  # of training images: none are held out
    assert "test_loss" not in run.rows()[-1]


def test_streamed_images_are_pictured_as_those_in_memory(tmp_path):
    (tmp_path / "images").mkdir()
    write_image_folder(tmp_path / "images", count=20)
    spec = loads(FOLDER)
    for name, streamed in (("memory", False), ("streamed", True)):
        images, labels = open_images(spec.data, tmp_path / "images", CPU, streamed=streamed)
        assert isinstance(images, StreamedImages) == streamed
        trainer = training_of(spec, images, labels)
        trainer.advance()
        trainer.picture(tmp_path / f"{name}.png")
    memory, streamed = (tmp_path / f"{name}.png" for name in ("memory", "streamed"))
    assert memory.read_bytes() == streamed.read_bytes()


def test_a_spec_of_another_system_does_not_resume(tmp_path):
    trained(loads(DENOISING), None, tmp_path / "run", steps=1)
    with pytest.raises(ganspec.runs.run.RunError, match="trains another spec"):
        trained(loads(CLASSIFIER), None, tmp_path / "run", steps=2, resume=True)
    assert Run.open(tmp_path / "run").spec.networks == ("autoencoder",)
