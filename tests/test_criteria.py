"""Criteria and accuracy against their formulas, written again in NumPy."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from small_systems import CLASSIFIER, DENOISING, LOGITS, PLAIN, PROBABILITIES, cfg_of

from ganspec.kinds.metrics import predictions as classification
from ganspec.plots import confusion


def log_softmax(x):
    return x - np.log(np.exp(x).sum(1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reads", ["logits", "probabilities"])
def test_cross_entropy(reads, smoothing):
    random = np.random.default_rng(0)
    logits, targets = random.normal(size=(5, 24)), random.integers(0, 24, 5)
    logs = log_softmax(logits)
    wanted = np.full((5, 24), smoothing / 24)
    wanted[np.arange(5), targets] += 1 - smoothing
    expected = -(wanted * logs).sum(1).mean()
    text = CLASSIFIER if reads == "logits" else PROBABILITIES
    text = re.sub(
        "loss: .*",
        f"loss: {{cross_entropy: {{reads: {reads}, label_smoothing: {smoothing}}}}}}}",
        text,
    )
    cfg = cfg_of(text)
    outputs = torch.tensor(logits if reads == "logits" else np.exp(logs))
    assert cfg.criterion.loss(
        outputs, torch.tensor(targets), cfg.criterion
    ).item() == pytest.approx(expected)


def test_a_probability_of_0_is_a_large_loss_and_no_infinite_one():
    cfg = cfg_of(PROBABILITIES.replace(", label_smoothing: 0.1", ""))
    outputs = torch.tensor([[0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    loss = cfg.criterion.loss(outputs, torch.tensor([0, 1]), cfg.criterion)
    assert loss.item() == pytest.approx(-np.log(1e-7) / 2, abs=1e-6)


@pytest.mark.parametrize("text", [DENOISING, LOGITS], ids=["probabilities", "logits"])
def test_binary_cross_entropy(text):
    random = np.random.default_rng(0)
    logits, targets = random.normal(size=(2, 3, 4, 4)), random.random((2, 3, 4, 4))
    p = 1 / (1 + np.exp(-logits))
    expected = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean()
    cfg = cfg_of(text)
    outputs = torch.tensor(logits if text is LOGITS else p)
    assert cfg.criterion.loss(
        outputs, torch.tensor(targets), cfg.criterion
    ).item() == pytest.approx(expected)


def test_mean_squared_error():
    random = np.random.default_rng(0)
    outputs, targets = random.normal(size=(2, 2, 3, 4, 4))
    cfg = cfg_of(PLAIN)
    loss = cfg.criterion.loss(torch.tensor(outputs), torch.tensor(targets), cfg.criterion)
    assert loss.item() == pytest.approx(((outputs - targets) ** 2).mean())


def test_accuracy_of_several_labels_is_the_share_found():
    random = np.random.default_rng(1)
    outputs = random.normal(size=(50, 6))
    labels = (random.random((50, 6)) < 0.4).astype(np.float32)
    labels[0] = 0  # nothing to find, and nothing found
    found = 0
    for row, wanted in zip(outputs.tolist(), labels.tolist(), strict=True):
        best = sorted(range(6), key=lambda i: -row[i])[: int(sum(wanted))]
        found += sum(wanted[i] == 1 for i in best)
    got = classification.multi_hot_accuracy(torch.tensor(outputs), torch.tensor(labels))
    assert got.item() == pytest.approx(found / labels.sum())
    nothing = classification.multi_hot_accuracy(torch.tensor(outputs), torch.zeros(50, 6))
    assert nothing.item() == 0


def test_confusion_is_counted():
    predicted, labels = torch.tensor([0, 1, 1, 2, 0]), torch.tensor([0, 1, 0, 1, 0])
    assert confusion.count(predicted, labels, 3).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_long_and_odd_names_of_classes_are_drawn_in_silence(tmp_path, monkeypatch, recwarn, caplog):
    figures, save = [], confusion.save
    monkeypatch.setattr(confusion, "save", lambda f, path: (figures.append(f), save(f, path)))
    names = ["cat", "a class whose name is long " * 9, "$x_1$ \N{PARTY POPPER}"]
    confusion.plot_matrix(torch.eye(3), names, "test images", tmp_path / "matrix.png")
    confusion.plot_shares(torch.ones(3), torch.ones(3), names, "images", tmp_path / "bars.png")
    assert not recwarn.list and not caplog.records
    for figure in figures:
        for label in figure.axes[0].get_yticklabels():
            assert label.get_text()[:20] in " ".join(names)
            assert label.get_window_extent().x0 >= 0
    assert figures[0].axes[0].get_xlabel() == "predicted class"
    assert figures[0].axes[0].get_ylabel() == "true class"
