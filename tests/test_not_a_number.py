"""NaN under losses of probabilities, which torch's binary cross-entropy refuses."""

from __future__ import annotations

import re

import pytest
import torch
from conftest import ROOT, narrow, write_iclevr
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.kinds.criteria.binary_cross_entropy import BinaryCrossEntropy
from ganspec.kinds.losses.minimax import Minimax
from ganspec.kinds.losses.non_saturating import NonSaturating
from ganspec.language.kinds import kinds_of
from ganspec.runs.run import Run
from ganspec.systems.gan.training import GanTraining
from ganspec.systems.load import loads
from ganspec.systems.settings import own
from ganspec.training.loop import TrainingError
from ganspec.training.losses import passing_nan

HEAD = """\
name: tiny
vars: {ch: 4}
data: {dataset: {shapes: {count: 16}}, size: 8, range: [0, 1]}
"""
GAN = """\
latent: {size: 4}
generator: {layers: [{project: [3, 8, 8]}, sigmoid]}
discriminator: {layers: [flatten, {linear: 8}, {linear: 8}, {linear: 1}, sigmoid]}
objective: {loss: {%s: {reads: probabilities}}}
optimizers: {adam: {lr: 1e30}}
train: {batch: 4}
"""
SINGLE = """\
objective: {loss: {binary_cross_entropy: {reads: probabilities}}}
optimizer: {adam: {lr: 1e30}}
train: {batch: 4}
"""
SPECS = {
    "non_saturating": GAN % "non_saturating",
    "minimax": GAN % "minimax",
    "autoencoder": "autoencoder: {layers: [{conv: 3}, {conv: 3}, {conv: 3}, sigmoid]}\n" + SINGLE,
    "classifier": "label: {kind: multi_hot, size: 24}\n"
    "classifier: {layers: [flatten, {linear: 4}, {linear: 8}, {linear: 24}, sigmoid]}\n" + SINGLE,
    "softmax": "label: {kind: classes, size: 24}\n"
    "classifier: {layers: [flatten, {linear: 4}, {linear: 8}, {linear: 24}, softmax]}\n"
    + SINGLE.replace("binary_", ""),
    "vae": "latent: {size: 4}\nencoder: {layers: [flatten, {linear: 8}]}\n"
    "decoder: {layers: [{project: [3, 8, 8]}, {conv: 3}, sigmoid]}\n" + SINGLE,
}


@pytest.mark.parametrize("name", SPECS)
def test_nan_is_said_in_one_line_with_step_and_culprit(tmp_path, name):
    text, path = HEAD + SPECS[name], tmp_path / "tiny.yaml"
    command = ["train", str(path), "--out", str(tmp_path / "run"), "--device", "cpu"]
    if name == "classifier":
        write_iclevr(tmp_path)
        text = text.replace("{shapes: {count: 16}}", "iclevr")
        command += ["--data", str(tmp_path)]
    path.write_text(text)
    result = CliRunner().invoke(app, [*command, "--steps", "60"])
    assert result.exit_code == 2, result.output
    error = next(line for line in result.output.splitlines() if line.startswith("error: "))
    assert " became nan at step " in error and f"{path}:" in error
    assert result.output.endswith(error + "\n")


def test_the_last_good_checkpoint_is_kept(tmp_path, monkeypatch):
    spec = ganspec.load(ROOT / "specs" / "dcgan_cifar32.yaml", ["vars.ch=8", *QUICK])
    run = ganspec.train(spec, tmp_path / "run", steps=2)
    before, advance = run.checkpoint_path.read_bytes(), GanTraining.advance

    def poisoned(self):
        if self.step == 3:
            next(self.discriminator.parameters()).data.fill_(float("nan"))
        return advance(self)

    monkeypatch.setattr(GanTraining, "advance", poisoned)
    with pytest.raises(TrainingError, match=r"d_loss became nan at step 4; .*discriminator\."):
        ganspec.train(spec, tmp_path / "run", steps=9, resume=True)
    assert run.checkpoint_path.read_bytes() == before
    assert [row["step"] for row in Run(tmp_path / "run").rows()] == [1, 2, 3]
    monkeypatch.undo()
    assert ganspec.train(spec, tmp_path / "run", steps=5, resume=True).step == 5


QUICK = ["train.batch=4", "data={dataset: {shapes: {count: 16}}, size: 32}", "evaluate=null"]


def test_an_error_after_nan_names_the_weights(tmp_path, monkeypatch):
    """A loss of your own may raise for NaN as torch's does."""
    advance = GanTraining.advance

    def poisoned(self):
        losses = advance(self)
        if self.step == 3:
            next(self.generator.parameters()).data.fill_(float("nan"))
            raise RuntimeError("all elements of input should be between 0 and 1\nmore")
        return losses

    monkeypatch.setattr(GanTraining, "advance", poisoned)
    wanted = (
        r"^all elements .* 0 and 1; not finite after step 3: generator\.main\..* \(.*:\d+:\d+\)$"
    )
    with pytest.raises(TrainingError, match=wanted):
        ganspec.train(narrow(ROOT / "specs" / "dcgan.yaml"), tmp_path / "run", steps=5)


@pytest.mark.parametrize(
    "kind, functions",
    [
        (NonSaturating(reads="probabilities"), ("real_loss", "fake_loss", "generator_loss")),
        (Minimax(reads="probabilities"), ("real_loss", "fake_loss", "generator_loss")),
        (BinaryCrossEntropy(reads="probabilities"), ("loss",)),
    ],
)
def test_other_losses_and_gradients_stay_the_same(kind, functions):
    written = {name: getattr(type(kind), name) for name in functions}
    part = "loss" if hasattr(kind, "scores") else "criterion"
    form = {"scores" if part == "loss" else "outputs": "probabilities"}
    cfg = own(kind, **written, **form)
    passing = passing_nan(type(cfg)(**{part: own(kind, **written, **form)}))
    torch.manual_seed(0)
    more = () if part == "loss" else (torch.rand(7, 3),)
    for logits in (torch.randn(7, 3), 40 * torch.randn(7, 3)):
        results = []
        for settings in (cfg, getattr(passing, part)):
            scores = logits.sigmoid().requires_grad_()
            losses = [getattr(settings, name)(scores, *more, settings) for name in functions]
            sum(losses).backward()
            results.append([*losses, scores.grad])
        assert all(torch.equal(*pair) for pair in zip(*results, strict=True))
    scores = torch.tensor([[0.5, float("nan"), 1.0]])
    more = () if part == "loss" else (torch.rand(1, 3),)
    settings = getattr(passing, part)
    assert all(getattr(settings, name)(scores, *more, settings).isnan() for name in functions)


@pytest.mark.parametrize("kind", ["non_saturating", "minimax"])
@pytest.mark.parametrize("target", ["real_target: 1.1", "fake_target: -0.1"])
def test_targets_of_probabilities_are_probabilities(kind, target):
    text = HEAD + GAN % kind
    for fields, is_refused in (
        (f"reads: probabilities, {target}", True),
        (f"reads: probabilities, eps: 1e-8, {target}", False),
        (target, False),
    ):
        changed = text.replace("reads: probabilities", fields)
        changed = changed if "probabilities" in fields else changed.replace("}, sigmoid]", "}]")
        try:
            loads(changed.replace("optimizers: {adam: {lr: 1e30}}", "optimizers: adam"))
        except ganspec.SpecError as error:
            assert is_refused and "is the target of a probability" in str(error)
        else:
            assert not is_refused


def test_every_loss_that_may_read_probabilities_is_tried():
    reading = {
        name
        for family in ("loss", "criterion")
        for name, kind in kinds_of(family).items()
        if "reads" in kind.model_fields and "ganspec" in kind.__module__
    }
    tried = re.findall(r"loss: \{(\w+): \{reads: probabilities", str(SPECS))
    assert reading == set(tried)
