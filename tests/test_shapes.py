"""Drawn scenes: random ones, and those that label files ask for."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
import torch
from writing import COLOURS, OBJECTS, check_equal, write_labels

import ganspec
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets import scenes, shapes
from ganspec.kinds.datasets.images import fit_images
from ganspec.kinds.datasets.shapes import Shapes
from ganspec.language.errors import SpecError
from ganspec.language.load import loads


def test_scenes_depend_on_the_seed_and_not_on_the_count():
    images, labels = Shapes.load(None, 64, 64, 3, count=300, seed=3)
    for count in (1, 5, 63, 65, 130):
        some = Shapes.load(None, 64, 64, 3, count=count, seed=3)
        check_equal(some, (images[:count], labels[:count]))
    assert not torch.equal(images, Shapes.load(None, 64, 64, 3, count=300, seed=4)[0])
    assert len(images.flatten(1).unique(dim=0)) == 300


def shown(images):
    """How many pixels have the hue of each of the eight colours, N x 8."""
    codes = bytes.fromhex("575757ad23232a4bd71d6914814a198126c029d0d0ffee33")
    hues = torch.tensor(list(codes)).reshape(8, 3).float()
    hues, seen = (torch.nn.functional.normalize(v, dim=1) for v in (hues, images.float()))
    return (torch.einsum("nchw,kc->nkhw", seen, hues) > 0.9995).sum((2, 3))


def test_scenes_are_balanced_and_show_the_colour_of_their_label():
    images, labels = shapes.load_images(None, 48, 48, 3, count=400)
    assert labels.dtype == torch.int64 and set(labels.tolist()) == set(range(24))
    assert shown(images)[torch.arange(400), labels // 3].min() >= 12


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (40, 20), (20, 40)])
@pytest.mark.parametrize("channels", [1, 3])
def test_scenes_have_any_size(size, channels):
    images, _ = shapes.load_images(None, *size, channels, count=5)
    assert images.dtype == torch.uint8 and images.shape == (5, channels, *size)
    assert torch.equal(images, fit_images(Shapes.load(None, *size, 3, 5)[0], *size, channels))


@pytest.mark.parametrize("solid", ["cube", "sphere", "cylinder"])
def test_rays_meet_solids_where_small_steps_do(solid):
    inside = {
        "cube": lambda p: (p.abs() < 1).all(0),
        "sphere": lambda p: p.square().sum(0) < 1,
        "cylinder": lambda p: (p[:2].square().sum(0) < 1) & (p[2].abs() < 1),
    }[solid]
    generator = torch.Generator().manual_seed(0)
    eye = torch.tensor([[0.7], [-4.0], [2.5]])
    rays = 1.3 * torch.randn(3, 400, generator=generator) - eye
    bend, reach = float(solid == "sphere"), 10.0 if solid == "cube" else 1.0
    hit, normal = scenes.meet_solid(eye, rays, 1.0, bend, torch.tensor(reach))
    steps = torch.linspace(0, 3, 6001)
    entered = inside(eye[:, :, None] + rays[:, :, None] * steps)
    stepped = entered.any(1)
    assert (hit != stepped).float().mean() < 0.01 and 90 < hit.sum() < 310
    # the surface lies across the normal: inside on one side of it, outside on the other
    both = hit & stepped
    point = eye + rays * steps[entered.int().argmax(1)]
    assert normal[:, both].norm(dim=0).sub(1).abs().max() < 1e-3
    outer, inner = inside(point + 0.02 * normal), inside(point - 0.02 * normal)
    assert (~outer & inner)[both].float().mean() > 0.97


@pytest.mark.parametrize("size", [(3, 5), (8, 8), (60, 60), (20, 90)])
def test_only_pixels_that_no_solid_reaches_are_left_out(size):
    made = scenes.draw_scenes(np.random.default_rng(0), 64)
    height, width = size
    light = torch.tensor([-0.6, -0.4, 0.7])
    y, x = torch.from_numpy(np.mgrid[:height, :width]).float()
    drawn, whole = torch.zeros(2, 64, height, width, 3)
    scenes.draw_solids(drawn, made, scenes.view_rays(x + 0.5, y + 0.5, *size), light, *size)
    quarters = torch.tensor([0.25, 0.75])
    x, y = x[..., None] + quarters.repeat(2), y[..., None] + quarters.repeat_interleave(2)
    rays = scenes.view_rays(x, y, *size).flatten(1, 2)
    for slot in range(3):
        for n in made["y"][:, slot].isfinite().nonzero()[:, 0]:
            solid = {name: field[n, slot].expand(height * width, 1) for name, field in made.items()}
            colour, cover = scenes.shade_solids(solid, rays, light)
            whole[n] = whole[n] * (1 - cover.view(height, width, 1)) + colour.view(*size, 3)
    assert torch.allclose(drawn, whole, atol=1e-6) and drawn.any()


# scenes of listed objects

WANTED = [
    *([name] for name in OBJECTS),
    ["red cube", "yellow sphere"],
    ["cyan cylinder", "green cube", "purple sphere"],
    ["blue cube", "blue cube"],
]


def test_scenes_show_the_listed_objects_and_no_others(tmp_path):
    path = write_labels(tmp_path, WANTED)
    fields = Shapes(labels=str(path), count=10 * len(WANTED))
    images, marks = fields.reader()(None, 64, 64, 3)
    assert marks.dtype == torch.uint8 and marks.shape == (270, 24)
    seen = shown(images)
    for i, names in enumerate(10 * WANTED):
        assert {OBJECTS[k] for k in marks[i].nonzero()[:, 0]} == set(names)
        asked = {COLOURS.index(name.split()[0]) for name in names}
        # the ground is grey, and dull edges of yellow and red are brown
        assert all(seen[i, colour] >= 20 for colour in asked), names
        others = set(range(1, 8)) - {4} - asked
        assert all(seen[i, colour] < 4 for colour in others), names


@pytest.mark.parametrize("shape", ["cube", "sphere", "cylinder"])
def test_solids_have_the_listed_shape(tmp_path, shape):
    """Each covers another share of the square around it."""
    path = write_labels(tmp_path, [[f"red {shape}"]])
    images, _ = Shapes(labels=str(path), count=200).reader()(None, 64, 64, 3)
    red = images[:, 0].int() - images[:, 1] > 20
    shares = [cover(mask) for mask in red]
    low, high = {"cube": (0.8, 0.84), "sphere": (0.76, 0.8), "cylinder": (0.85, 0.89)}[shape]
    assert low < sum(shares) / 200 < high


def cover(mask):
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    height, width = (int(v.max() - v.min() + 1) for v in (rows, columns))
    return mask.sum().item() / (height * width)


def test_listed_scenes_depend_on_seed_and_index_alone(tmp_path):
    path = str(write_labels(tmp_path, WANTED))
    images, marks = Shapes(labels=path, count=300, seed=3).reader()(None, 32, 32, 3)
    for count in (1, 26, 27, 28, 299):
        some = Shapes(labels=path, count=count, seed=3).reader()(None, 32, 32, 3)
        check_equal(some, (images[:count], marks[:count]))
    assert torch.equal(marks[:27], marks[27:54]) and not torch.equal(images[:27], images[27:54])
    assert not torch.equal(images, Shapes(labels=path, count=300).reader()(None, 32, 32, 3)[0])


@pytest.mark.parametrize(
    "labels, message",
    [
        ([[]], "one to three objects can be drawn, not 0"),
        ([["red cube"] * 4], "not 4"),
        ([["red cone"]], "'red cone' for '0.png', not in objects.json"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path, labels, message):
    path = write_labels(tmp_path, labels)
    with pytest.raises(ValueError, match=message):
        shapes.load_images(None, 8, 8, 3, labels=path)
    objects = (tmp_path / "objects.json").read_text().replace("red cube", "red cone")
    (tmp_path / "objects.json").write_text(objects)
    path.write_text('{"a": ["red cone"]}')
    with pytest.raises(ValueError, match="'red cone' cannot be drawn"):
        shapes.load_images(None, 8, 8, 3, labels=path)


SPEC = """
name: tiny
data: {dataset: {shapes: {labels: LABELS, count: 8}}, size: 8}
latent: {size: 4}
generator: {layers: [{project: [4, 4, 4]}, {conv_transpose: {out: 3, stride: 2}}, tanh]}
discriminator: {layers: [flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: adam
train: {batch: 4}
"""


def test_the_emitted_program_draws_listed_objects(tmp_path):
    name = "a 'quoted\" name.json"
    write_labels(tmp_path, WANTED).rename(tmp_path / name)
    spec = loads(SPEC.replace("LABELS", repr(name).replace("\\'", "''")))
    assert spec.data.dataset.labels == name
    source = ganspec.emit(spec)
    constants = [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant)]
    assert constants.count(name) == 1
    (tmp_path / "tiny.py").write_text(source)
    command = [sys.executable, "-I", "tiny.py", "--steps", "1", "--device", "cpu"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", ["''", "3", "[a]", '"a\\0b"', '"a\\nb"'])
def test_a_label_file_is_a_plain_path(path):
    with pytest.raises(SpecError):
        loads(SPEC.replace("LABELS", path))


def test_a_label_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "train.json"
    dataset = Shapes(labels=str(path), count=3)
    said = f"^shapes: there is no file {path}$"
    with pytest.raises(DataError, match=said), dataset.reading(None):
        dataset.reader()(None, 8, 8, 3)
