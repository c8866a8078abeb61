"""Images of the labels that a person asks for."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import ROOT, small
from PIL import Image
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.training.sampling import Sampler
from ganspec.training.wishes import LabelError, read_wish

CPU = torch.device("cpu")
FASHION = ganspec.load(ROOT / "specs" / "cgan_fashion.yaml")
ICLEVR = ganspec.load(ROOT / "specs" / "cgan_iclevr.yaml")


def row(*indices):
    return torch.zeros(24).index_fill(0, torch.tensor(indices), 1.0)


@pytest.mark.parametrize(
    ("spec", "wish", "label"),
    [
        (FASHION, "3", torch.tensor([3])),
        (FASHION, "Sneaker", torch.tensor([7])),
        (ICLEVR, "red cube", row(1)[None]),
        (ICLEVR, "red cube, gray cube,2", row(1, 0, 2)[None]),
    ],
)
def test_wishes(spec, wish, label):
    assert torch.equal(read_wish(wish, spec), label)


def test_a_file_of_conditions(tmp_path):
    path = tmp_path / "test.json"
    path.write_text(json.dumps([["red cube"], ["gray cube", "gray sphere"]]))
    assert torch.equal(read_wish(str(path), ICLEVR), torch.stack([row(1), row(0, 8)]))
    path.write_text(json.dumps(["Coat", 9]))
    assert read_wish(str(path), FASHION).tolist() == [4, 9]


@pytest.mark.parametrize(
    ("spec", "wish", "said"),
    [
        (FASHION, "10", "a number below 10"),
        (FASHION, "sneakers", "try `Sneaker`"),
        (FASHION, "-1", "no label is called `-1`"),
        (ICLEVR, "red cone", "no label"),
        (ICLEVR, "nowhere.json", "nowhere.json"),
        (ganspec.load(ROOT / "specs" / "dcgan.yaml"), "3", "no condition"),
    ],
)
def test_wishes_that_cannot_be_met(spec, wish, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabelError, match=said) as raised:
        read_wish(wish, spec)
    assert "\n" not in str(raised.value)


def test_files_that_ask_for_nothing_or_too_much(tmp_path):
    path = tmp_path / "wishes.json"
    for text, said in [("{", "not JSON"), ("[]", "no list"), ('[["Coat", "Bag"]]', "several")]:
        path.write_text(text)
        with pytest.raises(LabelError, match=said):
            read_wish(str(path), FASHION)


def test_sample_draws_what_is_asked_for(tmp_path):
    settings = ["vars.ch=4", "vars.z=4", "condition={kind: classes, size: 24}"]
    settings += ["generator.condition=concat", "generator.layers.0.reshape=[z + 24, 1, 1]"]
    run = ganspec.train(small(ROOT / "specs" / "dcgan.yaml", *settings), tmp_path / "run", steps=1)
    sampler = Sampler(run.folder, CPU)
    assert sampler.inputs(5, 0)["labels"].tolist() == [0, 1, 2, 3, 4]
    sampler.ask("red cube")
    assert sampler.inputs(5, 0)["labels"].tolist() == 5 * [3]
    sampler.ask("7")
    inputs = sampler.inputs(2, 0)
    with torch.no_grad():
        ours = sampler.generator(*inputs.values())
    out = tmp_path / "seven.png"
    result = CliRunner().invoke(
        app, ["sample", str(run.folder), "-n", "2", "--label", "7", "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    with Image.open(out) as grid:
        pixel = grid.getpixel((2, 2))
    expected = (ours[0, :, 0, 0] * 0.5 + 0.5).mul(255).round().int().tolist()
    assert list(pixel) == expected
    result = CliRunner().invoke(app, ["sample", str(run.folder), "--label", "blue cone"])
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
