"""ResNet-18 in `classifier_iclevr.yaml` against the published one, by torchvision's names.

torchvision itself is not needed: its attributes' names and the paper's table say what it is.
"""

from __future__ import annotations

import runpy
import subprocess
import sys

import torch
from conftest import ROOT
from torch import nn

import ganspec
from ganspec.compiler.lower import lower
from ganspec.program.measure import costs, totals

EXAMPLE = ROOT / "examples" / "resnet18_from_torchvision.py"
our_name = runpy.run_path(str(EXAMPLE))["our_name"]


def load(*settings: str):
    return ganspec.load(ROOT / "specs" / "classifier_iclevr.yaml", list(settings))


class BasicBlock(nn.Module):
    """He et al. (2016), figure 5, left; attributes are called as in torchvision."""

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            conv = nn.Conv2d(inplanes, planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(planes))

    def forward(self, x):
        out = self.bn1(self.conv1(x)).relu()
        out = self.bn2(self.conv2(out))
        return (out + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet18(nn.Module):
    """Table 1, 18-layer."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [64, 64, 128, 256, 512]
        for i in range(1, 5):
            first = BasicBlock(widths[i - 1], widths[i], stride=1 if i == 1 else 2)
            layer = nn.Sequential(first, BasicBlock(widths[i], widths[i]))
            self.add_module(f"layer{i}", layer)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def published_names() -> list[str]:
    """Return the keys of torchvision's ResNet-18."""
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    names = ["conv1.weight", *(f"bn1.{part}" for part in norm)]
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            at = f"layer{layer}.{block}"
            for i in (1, 2):
                names += [f"{at}.conv{i}.weight", *(f"{at}.bn{i}.{part}" for part in norm)]
            if layer > 1 and block == 0:
                names += [f"{at}.downsample.0.weight"]
                names += [f"{at}.downsample.1.{part}" for part in norm]
    return [*names, "fc.weight", "fc.bias"]


def test_resnet_18_has_the_published_number_of_parameters():
    photographs = [
        "data.dataset=image_folder",
        "label.kind=classes",
        "objective.loss=cross_entropy",
    ]
    rows = costs(lower(load("vars.classes=1000", *photographs))["classifier"])
    assert totals(rows)["trainable"] == 11_689_512
    assert rows[-1].params == 512 * 1000 + 1000
    rows = costs(lower(load())["classifier"])
    assert totals(rows)["trainable"] == 11_689_512 - 513_000 + 513 * 24


def test_resnet_18_is_the_published_one():
    """Weights of a network with torchvision's names load, and give the same bits."""
    torch.manual_seed(0)
    theirs, ours = ResNet18(24), ganspec.build(load(), exact=True)["classifier"]
    state = theirs.state_dict()
    assert list(state) == published_names()
    assert len(set(map(our_name, state))) == len(state)
    ours.load_state_dict({our_name(name): value for name, value in state.items()})
    for train in (True, False):
        x = torch.randn(3, 3, 64, 64)
        made, expected = ours.train(train)(x), theirs.train(train)(x)
        assert torch.equal(made, expected)
        statistics = ours.state_dict()
        for name, value in theirs.state_dict().items():
            assert torch.equal(statistics[our_name(name)], value), name


def test_the_example_converts_what_fits(tmp_path):
    theirs = ResNet18(1000)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    command = [sys.executable, str(EXAMPLE), "theirs.pth", "ours.pt"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("left as drawn") == 2
    state = torch.load(tmp_path / "ours.pt", weights_only=True)["classifier"]
    ours = ganspec.build(load())["classifier"]
    ours.load_state_dict(state)
    for name, value in theirs.state_dict().items():
        assert name.startswith("fc.") or torch.equal(ours.state_dict()[our_name(name)], value)
