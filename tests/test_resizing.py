"""Three ways of bilinear resizing, against hand-computed values, PIL and a loop over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from writing import check_equal, pixels, write_batches, write_digits, write_images, write_labels

from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.kinds.datasets.images import fit_images, resize_images
from ganspec.language.errors import SpecError
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.report.dataset import read

HALF_PIXEL = [[0, 25, 75, 100], [50, 60, 80, 90], [150, 130, 90, 70], [200, 165, 95, 60]]
CORNER = [[0, 50, 100, 100], [100, 90, 80, 80], [200, 130, 60, 60], [200, 130, 60, 60]]


@pytest.mark.parametrize(
    "resize, twice, half",
    [
        # 0.75, 0.75 and 0.25 of three pixels: (30 + 20) / 1.75 and (10 + 60 + 180) / 1.75
        ("antialias", HALF_PIXEL, [29, 143]),
        ("bilinear", HALF_PIXEL, [20, 160]),
        ("tensorflow1", CORNER, [0, 80]),
    ],
)
def test_methods_give_what_a_hand_computes(resize, twice, half):
    small = torch.tensor([[0, 100], [200, 60]], dtype=torch.uint8)[None, None]
    assert resize_images(small, 4, 4, resize).tolist() == [[twice]]
    row = torch.tensor([0, 40, 80, 240], dtype=torch.uint8)[None, None, None]
    assert resize_images(row, 1, 2, resize).tolist() == [[[half]]]
    columns = resize_images(row.mT.repeat(1, 1, 1, 2), 2, 2, resize)
    assert columns.dtype == torch.uint8
    assert columns[0, 0].T.tolist() == [half, half]


def of_four_pixels(image, height, width, shift):
    """Bilinear values of one H x W image, pixel by pixel; `shift` is where pixels begin."""

    def places(before, after):
        for i in range(after):
            place = min(max((i + shift) * before / after - shift, 0), before - 1)
            first = math.floor(place)
            yield first, min(first + 1, before - 1), place - first

    down, across = image.shape
    result = np.empty((height, width))
    for i, (top, bottom, v) in enumerate(places(down, height)):
        for j, (left, right, u) in enumerate(places(across, width)):
            upper = image[top, left] * (1 - u) + image[top, right] * u
            lower = image[bottom, left] * (1 - u) + image[bottom, right] * u
            result[i, j] = upper * (1 - v) + lower * v
    return result


@pytest.mark.parametrize("resize, shift", [("bilinear", 0.5), ("tensorflow1", 0)])
@pytest.mark.parametrize(
    "before, after", [((7, 5), (12, 9)), ((13, 20), (6, 11)), ((1, 8), (3, 8))]
)
def test_methods_agree_with_a_loop_over_pixels(resize, shift, before, after):
    image = pixels(*before)
    expected = of_four_pixels(image.astype(float), *after, shift)
    got = resize_images(torch.from_numpy(image)[None, None], *after, resize)
    assert np.abs(got[0, 0].numpy() - expected).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("before", [(32, 32), (28, 20)])
@pytest.mark.parametrize("after", [(16, 16), (64, 64), (17, 40)])
def test_antialias_agrees_with_pil(before, after):
    images = torch.from_numpy(pixels(3, 3, *before))
    fitted = fit_images(images, *after, 3)
    for image, got in zip(images, fitted, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        expected = picture.resize(after[::-1], Image.Resampling.BILINEAR)
        # PIL rounds once more, between the two directions
        difference = got.permute(1, 2, 0).int() - torch.from_numpy(np.array(expected))
        assert difference.abs().max() <= 1


FILES = {
    "cifar10": (32, 32),
    "fashion_mnist": (28, 28),
    "iclevr": (9, 12),
    "image_folder": (9, 12),
    "mnist": (28, 28),
    "npz": (9, 7),
}


@pytest.mark.parametrize("resize", ["bilinear", "tensorflow1"])
@pytest.mark.parametrize("kind", sorted(FILES))
def test_every_reader_resizes_as_it_is_told(tmp_path, kind, resize):
    write_digits(tmp_path)
    write_batches(tmp_path)
    write_labels(tmp_path, [["red cube"], ["cyan sphere"]])
    write_images(tmp_path / "images", ["0.png", "1.png"])
    np.savez(tmp_path / "a.npz", images=pixels(4, 9, 7, 3))
    dataset, (height, width) = kinds_of("dataset")[kind](), FILES[kind]
    images, labels = dataset.reader()(tmp_path, height, width, 1)
    for size in ((2 * height, 2 * width), (height // 3, width // 3)):
        expected = resize_images(images, *size, resize)
        check_equal(dataset.reader(resize)(tmp_path, *size, 1), (expected, labels))
        if isinstance(dataset, ImageFolder):
            files = dataset.files(tmp_path, *size, 1, resize)
            assert torch.equal(torch.stack([files[0], files[1]]), expected)


def test_scenes_are_drawn_at_their_size_and_never_resized():
    shapes = kinds_of("dataset")["shapes"](count=3)
    assert shapes.reader("tensorflow1").keywords == shapes.reader().keywords == {"count": 3}


SPEC = """
name: tiny
framework: FRAMEWORK
data: {dataset: npz, size: 8}
latent: {size: 4}
generator: {layers: [{project: [3, 8, 8]}, tanh]}
discriminator: {layers: [flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: adam
"""


@pytest.mark.parametrize(
    "framework, resize",
    [("torch", "antialias"), ("keras", "bilinear"), ("tensorflow", "tensorflow1")],
)
def test_frameworks_resize_as_they_do(tmp_path, framework, resize):
    text = SPEC.replace("FRAMEWORK", framework)
    data = loads(text).data
    assert data.resize == resize
    images = pixels(3, 20, 12, 3)
    np.savez(tmp_path / "a.npz", images=images)
    first = torch.from_numpy(images).permute(0, 3, 1, 2)
    assert torch.equal(read(data, tmp_path)[0], resize_images(first, 8, 8, resize))
    said = loads(text.replace("size: 8", "size: 8, resize: antialias"))
    assert said.data.resize == "antialias"
    with pytest.raises(SpecError, match="bicubic"):
        loads(text.replace("size: 8", "size: 8, resize: bicubic"))
