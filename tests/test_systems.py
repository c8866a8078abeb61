"""A system that a user adds: commands work with it, without any other change of the code.

The painter learns the mean image: one network from latents to images, trained by squared error.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from conftest import ROOT, assert_same_weights
from pydantic import Field
from torch import nn
from typer.testing import CliRunner

import ganspec
from ganspec.atomic import replacing
from ganspec.cli import app
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.document import Document, systems
from ganspec.language.load import loads
from ganspec.language.section import Section
from ganspec.language.types import Width
from ganspec.program.ir import start_input
from ganspec.systems.agreement import check_shape
from ganspec.systems.arguments import parse_arguments
from ganspec.systems.batches import count_batches, draw_batches
from ganspec.systems.draw import draw_latent
from ganspec.systems.feed import Feed
from ganspec.systems.grid import save_grid
from ganspec.systems.schedule import Schedule
from ganspec.systems.settings import optimizer, shared
from ganspec.systems.spec import Interface, Network, Spec
from ganspec.systems.training import Training
from ganspec.systems.update import update

PAINTER = """
name: mean_image
data: {dataset: {shapes: {count: 48}}, size: 8}
latent: {size: 5}
painter: {layers: [{project: [3, 8, 8]}, tanh]}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 16}
"""


# -- the text of its training, which is emitted, too ----------------------------------------------


def train_step(painter, optimizer, batches, cfg):
    """Move the painted images towards the real ones. Return the loss by name."""
    images, _labels = next(batches)
    painted = painter(draw_latent(len(images), images.device, cfg))
    loss = (painted - images).square().mean()
    update(optimizer, loss, cfg)
    return {"loss": loss.detach()}


def main(cfg):
    args = parse_arguments(cfg)
    images, _ = cfg.load_images(None, cfg.height, cfg.width, cfg.channels)
    torch.manual_seed(args.seed)
    painter = cfg.painter().to(args.device)
    optimizer = cfg.optimizer(painter.parameters())
    draw_latent(cfg.samples, args.device, cfg)  # of the pictures that `ganspec train` draws
    labels = None
    batches = draw_batches(images.to(args.device), labels, args.seed, cfg)
    for _step in range(args.steps or args.epochs * count_batches(images, cfg)):
        train_step(painter, optimizer, batches, cfg)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save({"painter": painter.state_dict()}, args.out / "weights.pt")


# -- the system -----------------------------------------------------------------------------------


class Latent(Section):
    """Numbers that the painter reads."""

    size: Width


class PainterTraining(Training):
    """The painter and its optimizer."""

    def __init__(self, start):
        super().__init__(start)
        (self.painter,) = self.networks.values()
        self.optimizers = {"painter": self.cfg.optimizer(self.painter.parameters())}
        self.fixed = {"latent": draw_latent(self.cfg.samples, self.device, self.cfg)}
        self.batches = Feed(start.images.images, None, self.cfg.seed, self.cfg)

    def advance(self):
        self.step += 1
        return train_step(self.painter, self.optimizers["painter"], self.batches, self.cfg)

    def picture(self, path):
        with torch.no_grad(), replacing(path) as temporary:
            save_grid(self.painter(self.fixed["latent"]), temporary, self.cfg.columns, self.cfg)


@pytest.fixture(scope="module", autouse=True)
def system():
    systems()  # those of ganspec first, as `load` finds them

    class Painter(Spec, system="painter"):
        """A painter of mean images."""

        networks: ClassVar = ("painter",)
        noun: ClassVar = "painter"
        caption: ClassVar = "What the painter paints"
        draws: ClassVar = "painter"
        main: ClassVar = staticmethod(main)

        latent: Latent
        painter: Network
        optimizer: Optimizer = Field(description="the painter's")
        train: Schedule = Schedule()

        def interfaces(self):
            latent = start_input((int(self.latent.size),), self.latent.size, "latent")
            return {"painter": Interface(latent, "image", "Latent vector to image.")}

        def contract(self, nets):
            if net := nets.get("painter"):
                yield from check_shape(self, "painter", net, f"the painter makes {net.output}")

        def optimizer_of(self, key):
            return self.optimizer

        def settings(self, nets):
            own = {
                "optimizer": optimizer(self.optimizer),
                "latent_size": int(self.latent.size),
                "latent_distribution": "normal",
                "iterations": None,
                "labels": None,
                "samples": 16,
                "columns": 4,
                "absent": ["labels", "_labels"],
            }
            return SimpleNamespace(**shared(self), **own)

        def training(self, start):
            return PainterTraining(start)

        def properties(self):
            return {"objective": {"loss": "squared error"}}

    yield Painter
    del Document.systems["painter"]


def run(*words: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


@pytest.fixture
def spec(tmp_path) -> Path:
    path = tmp_path / "mean_image.yaml"
    path.write_text(PAINTER)
    return path


def test_every_command_works(spec, tmp_path):
    assert "ok" in run("check", spec)
    assert "project" in run("show", spec)
    run("show", spec, "--graph", "-o", tmp_path / "graph.svg")
    folder = tmp_path / "run"
    run("train", spec, "--out", folder, "--steps", 4, "--exact")
    run("train", spec, "--out", folder, "--steps", 6, "--resume")
    run("sample", folder, "-n", 4, "-o", tmp_path / "grid.png")
    run("report", folder)
    assert "What the painter paints" in (folder / "report.html").read_text("utf-8")
    gan = ROOT / "specs" / "dcgan.yaml"
    assert "a painter against a GAN" in " ".join(run("diff", spec, gan, status=1).split())
    assert "squared error" in run("compare", spec, folder)
    assert "has no network that scores images" in run("sample", folder, "--best", 2, status=2)


def test_the_emitted_program_trains_alike(spec, tmp_path):
    folder = ganspec.train(loads(PAINTER), tmp_path / "run", steps=5, device="cpu", exact=True)
    run("build", spec, "-o", tmp_path / "painter.py")
    out = ["--steps", "5", "--out", str(tmp_path / "out"), "--device", "cpu"]
    subprocess.run([sys.executable, tmp_path / "painter.py", *out], check=True)
    theirs = torch.load(tmp_path / "out" / "weights.pt", weights_only=True)["painter"]
    ours = torch.load(folder.checkpoint_path, weights_only=True)["networks"]["painter"]
    assert_same_weights(ours, theirs)


def test_from_python():
    trainer = ganspec.Trainer(loads(PAINTER), device="cpu")
    first = trainer.step()["loss"]
    for _ in range(30):
        last = trainer.step()["loss"]
    assert last < first
    assert trainer.sample(3).shape == (3, 3, 8, 8)
    assert isinstance(trainer.networks["painter"], nn.Module)
