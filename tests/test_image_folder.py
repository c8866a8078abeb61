"""Folders of images, of every mode, whole and broken."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from writing import pixels, random, write_images

from ganspec.evaluation.reference import open_folder
from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets import image_folder
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.systems.data import Data
from ganspec.training.images import open_images


def decode(path, height=8, width=8, channels=3):
    image = image_folder.decode_image(path, height, width, channels)
    assert image.dtype == torch.uint8 and image.shape == (channels, height, width)
    return image.permute(1, 2, 0).numpy()


@pytest.mark.parametrize("ending", ["png", "bmp", "webp"])
def test_lossless_images_keep_their_bytes(tmp_path, ending):
    image = pixels(8, 8, 3)
    Image.fromarray(image).save(tmp_path / f"a.{ending}", lossless=True)
    assert np.array_equal(decode(tmp_path / f"a.{ending}"), image)
    grey = np.array(Image.fromarray(image).convert("L"))[..., None]
    assert np.array_equal(decode(tmp_path / f"a.{ending}", channels=1), grey)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_are_laid_on_white(tmp_path, mode):
    image = pixels(8, 8, len(mode))
    Image.fromarray(image).save(tmp_path / "a.png")
    alpha = image[..., -1:] / 255
    expected = np.broadcast_to(image[..., :-1] * alpha + 255 * (1 - alpha), (8, 8, 3))
    assert np.abs(decode(tmp_path / "a.png") - expected).max() <= 1


def test_palettes_with_a_clear_colour_are_laid_on_white(tmp_path):
    image = Image.fromarray(pixels(8, 8) % 3, "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    colours = np.array([[255, 0, 0], [255, 255, 255], [0, 0, 255]])
    expected = colours[np.array(image)]
    for name in ("a.png", "a.gif"):
        image.save(tmp_path / name, transparency=1)
        assert np.array_equal(decode(tmp_path / name), expected)


def test_sixteen_bits_become_eight(tmp_path):
    image = random.integers(0, 65536, (8, 8), dtype=np.uint16)
    Image.fromarray(image).save(tmp_path / "a.png")
    expected = np.round(image / 257)[..., None]
    assert np.array_equal(decode(tmp_path / "a.png", channels=1), expected)


def test_printers_inks_become_colours(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    assert np.abs(decode(tmp_path / "a.jpg").astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("orientation, turns, mirrored", [(3, 2, 0), (6, 3, 0), (5, 3, 1)])
def test_cameras_held_sideways(tmp_path, orientation, turns, mirrored):
    image, exif = pixels(8, 8, 3), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
    upright = np.rot90(image, turns)
    expected = upright[:, ::-1] if mirrored else upright
    assert np.array_equal(decode(tmp_path / "a.png"), expected)


@pytest.mark.parametrize(
    "before, size, resized, box",
    [
        ((64, 32), (16, 16), (32, 16), (8, 0, 24, 16)),
        ((32, 64), (16, 16), (16, 32), (0, 8, 16, 24)),
        ((50, 40), (20, 10), (25, 20), (8, 0, 18, 20)),
        ((30, 30), (10, 20), (20, 20), (0, 5, 20, 15)),
        ((5, 4), (8, 8), (10, 8), (1, 0, 9, 8)),
    ],
)
def test_images_are_resized_and_cropped_at_the_centre(tmp_path, before, size, resized, box):
    image = Image.fromarray(pixels(before[1], before[0], 3))
    image.save(tmp_path / "a.png")
    expected = image.resize(resized, Image.Resampling.BILINEAR).crop(box)
    assert np.array_equal(decode(tmp_path / "a.png", *size), np.array(expected))


def test_classes_are_the_sorted_subfolders(tmp_path):
    root = tmp_path / "images"
    names = ["cat/b.png", "cat/a.JPG", "ant/deep/c.webp", "dog/d.bmp", "dog/e.jpeg"]
    write_images(root, [*names, ".trash/x.png", "cat/._a.jpg"])
    (root / "empty").mkdir()
    (root / "notes.txt").write_text("not an image")
    images, labels = ImageFolder.load(ImageFolder().locate(root), 8, 8, 3)
    expected = ["ant/deep/c.webp", "cat/a.JPG", "cat/b.png", "dog/d.bmp", "dog/e.jpeg"]
    assert labels.tolist() == [0, 1, 1, 2, 2] and labels.dtype == torch.int64
    for image, name in zip(images, expected, strict=True):
        assert np.array_equal(image.permute(1, 2, 0).numpy(), decode(root / name))


def test_flat_folders_have_one_class_and_mixed_ones_are_refused(tmp_path):
    write_images(tmp_path / "flat", ["b.png", "a.png"])
    assert ImageFolder.load(tmp_path / "flat", 8, 8, 1)[1].tolist() == [0, 0]
    write_images(tmp_path / "flat", ["cat/a.png"])
    with pytest.raises(ValueError, match=r"loose images such as a\.png"):
        ImageFolder.load(tmp_path / "flat", 8, 8, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no images in .*empty"):
        ImageFolder.load(tmp_path / "empty", 8, 8, 1)


def test_every_format_that_pillow_reads_is_an_image(tmp_path):
    """By its name: 30 of 34 images of a folder were left out without a word."""
    image = pixels(8, 8, 3)
    names = ["a.png", "b.tif", "c.TIFF", "d.ppm", "e.tga", "f.jp2", "g.pcx", "h.sgi", "i.dib"]
    for name in names:
        Image.fromarray(image).save(tmp_path / name)
        assert np.abs(decode(tmp_path / name).astype(int) - image).max() <= 1
    Image.fromarray(image).save(tmp_path / "page.eps")  # a program of a printer, never run
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.warns(UserWarning, match=r"left out 2 files in .*: notes\.txt, page\.eps$"):
        files = ImageFolder().files(tmp_path, 8, 8, 3)
    assert [path.name for path in files.files] == names
    assert [path.name for path in image_folder.find_images(tmp_path)] == names
    assert len(ImageFolder.load(tmp_path, 8, 8, 3)[0]) == len(names)


def test_classes_may_be_links_and_loops_end(tmp_path):
    root, store = tmp_path / "images", tmp_path / "store"
    write_images(root, ["cat/1.png", "dog/2.png"])
    write_images(store, ["3.png", "more/4.png"])
    (root / "fox").symlink_to(store)
    (root / "dog" / "5.png").symlink_to(store / "3.png")
    (store / "up").symlink_to(root)  # an endless loop
    (root / "cat" / "6.png").symlink_to("nothing")
    files, labels = image_folder.list_images(root)
    names = [path.relative_to(root).as_posix() for path in files]
    expected = ["cat/1.png", "cat/6.png", "dog/2.png", "dog/5.png", "fox/3.png", "fox/more/4.png"]
    assert names == expected and labels == [0, 0, 1, 1, 2, 2]
    assert ImageFolder().classes(root) == ["cat", "dog", "fox"]
    with pytest.warns(UserWarning, match=r"skipped 1 of 6 .*6\.png"):
        assert ImageFolder.load(root, 8, 8, 3)[1].tolist() == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("names", [("train", "val"), ("Test", "Train"), ("test", "train", "valid")])
def test_splits_are_no_classes(tmp_path, names):
    write_images(
        tmp_path, [f"{name}/{animal}/1.png" for name in names for animal in ("cat", "dog")]
    )
    train = next(name for name in names if name.lower() == "train")
    message = rf"{' and '.join(sorted(names))} in .* are splits, .* such as .*/{train}$"
    for read in (ImageFolder().files, ImageFolder.load):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, 8, 8, 3)
    assert ImageFolder.load(tmp_path / names[0], 8, 8, 3)[1].tolist() == [0, 1]
    write_images(tmp_path / "outer" / "inner", [f"{name}/1.png" for name in names])
    with pytest.raises(ValueError, match=rf"in .*inner are splits, .*outer/inner/{train}$"):
        image_folder.find_images(tmp_path / "outer")  # as an archive unpacks
    write_images(tmp_path, ["extra/1.png"])
    with pytest.raises(ValueError, match=message):
        ImageFolder.load(tmp_path, 8, 8, 3)


def test_one_folder_called_like_a_split_is_a_class_among_others(tmp_path):
    write_images(tmp_path, ["word/1.png", "Test/2.png", "exam/deep/3.png"])
    assert ImageFolder().classes(tmp_path) == ["Test", "exam", "word"]
    assert ImageFolder.load(tmp_path, 8, 8, 3)[1].tolist() == [0, 1, 2]


def test_a_lone_split_hides_no_classes(tmp_path):
    write_images(tmp_path, ["outer/train/1.png", "outer/train/2.png"])
    for folder in (tmp_path, tmp_path / "outer"):
        assert ImageFolder.load(folder, 8, 8, 3)[1].tolist() == [0, 0]
    (tmp_path / "outer/train/1.png").unlink()
    (tmp_path / "outer/train/2.png").unlink()
    write_images(tmp_path / "outer/train", ["cat/1.png", "dog/2.png"])
    for folder in (tmp_path, tmp_path / "outer"):
        for read in (ImageFolder().files, ImageFolder.load):
            with pytest.raises(ValueError, match=r"train in .* is a split.* classes, .*/train$"):
                read(folder, 8, 8, 3)
    assert len(open_folder(tmp_path / "outer").images) == 2  # scores have no classes
    assert ImageFolder.load(tmp_path / "outer/train", 8, 8, 3)[1].tolist() == [0, 1]


@pytest.mark.parametrize(
    "values, kind, white, expected",
    [
        ([0, 0.25, 1], np.float32, None, [0, 64, 255]),  # as scikit-image writes them
        ([0, 100, 255], np.float32, 255, [0, 100, 255]),
        ([-5, 100, 300], np.float32, 255, [0, 100, 255]),
        ([0, 257, 65535], np.int32, None, [0, 1, 255]),
        ([0, 2048, 4095], np.uint16, 4095, [0, 128, 255]),
        ([0, 2048, 4095], np.uint16, None, [0, 8, 16]),
    ],
)
def test_white_of_deep_grey(tmp_path, values, kind, white, expected):
    Image.fromarray(np.array([values], kind)).save(tmp_path / "a.tif")
    load = ImageFolder(white=white).reader()
    assert load(tmp_path, 1, 3, 1)[0].flatten().tolist() == expected
    assert ImageFolder(white=white).files(tmp_path, 1, 3, 3)[0][2].flatten().tolist() == expected


@pytest.mark.parametrize(
    "values, kind, white, said",
    [
        ([0, 1.5], np.float32, None, "0 to 1.5, are not 0 to 1"),
        ([-0.5, 1], np.float32, None, "-0.5 to 1, are not 0 to 1"),
        ([0, np.nan], np.float32, None, "nan"),
        ([0, np.nan], np.float32, 255, "nan"),
        ([0, 70000], np.int32, None, "0 to 70000, are not 0 to 65535"),
    ],
)
def test_values_beyond_white_are_no_guess(tmp_path, values, kind, white, said):
    Image.fromarray(np.array([values], kind)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=said):
        image_folder.decode_image(tmp_path / "a.tif", 1, 2, 1, white=white)


@pytest.mark.parametrize("bits, white", [(10, 1023), (12, 4095), (14, 16383)])
@pytest.mark.parametrize("streamed", [False, True])
def test_nearly_black_images_are_warned_of(tmp_path, bits, white, streamed):
    """12 bits in files of 16 bits, whose pictures are black to the eye."""
    ramp = np.tile(np.linspace(0, 2**bits - 1, 32).astype(np.uint16), (32, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png")
    data = Data(dataset=ImageFolder(), size=32, channels=1)
    with pytest.warns(UserWarning, match=f"nearly black.*white is {white} .* {{white: {white}}}"):
        open_images(data, tmp_path, torch.device("cpu"), streamed=streamed)
    data = Data(dataset=ImageFolder(white=white), size=32, channels=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images, _ = open_images(data, tmp_path, torch.device("cpu"), streamed=streamed)
    shades = (images.files[0] if streamed else images[0])[0, 0]
    assert (shades.float() - torch.linspace(0, 255, 32)).abs().max() < 1


def test_one_bit_is_black_and_white(tmp_path):
    image = pixels(8, 8) > 127
    for name in ("a.png", "a.tif", "a.pbm"):
        Image.fromarray(image).save(tmp_path / name)
        assert np.array_equal(decode(tmp_path / name)[..., 0], 255 * image)


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_an_animation_is_its_first_frame(tmp_path, ending):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(decode(tmp_path / f"a.{ending}"), np.array(frames[0]))


@pytest.mark.parametrize("size", [(65000, 1), (1, 65000), (3000, 20)])
def test_long_pictures_cost_little(tmp_path, size, monkeypatch):
    """Covering 64 x 64, a strip of 65000 x 1 would have four million columns."""
    seen = []
    resize = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda *a: seen.append(a[1]) or resize(*a))
    picture = Image.linear_gradient("L").resize(size)
    picture.save(tmp_path / "a.png")
    middle = picture.getpixel((size[0] // 2, size[1] // 2))
    del seen[:]
    for method in ("antialias", "bilinear"):
        image = image_folder.decode_image(tmp_path / "a.png", 64, 64, 1, method)
        assert image.shape == (1, 64, 64) and abs(int(image[0, 32, 32]) - middle) <= 6
    assert seen == [(64, 64)]


@pytest.mark.parametrize("resize", ["antialias", "bilinear", "tensorflow1"])
@settings(max_examples=100, deadline=None)
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    wide=st.integers(200, 600),
    turned=st.booleans(),
    channels=st.sampled_from([1, 3]),
)
def test_what_is_cut_off_is_not_made(tmp_path_factory, resize, size, wide, turned, channels):
    """The rest is as of the whole resized picture, but that a sum may round to the next level."""
    path = tmp_path_factory.getbasetemp() / "strip.png"
    shape = (*size, 3)[: 2 + channels // 3]
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    picture.save(path)
    height, width = (wide, 8) if turned else (8, wide)
    found = image_folder.decode_image(path, height, width, channels, resize)
    across, down = picture.size
    if across * height < down * width:
        across, down = width, down * width // across
    else:
        across, down = across * height // down, height
    left, top = round((across - width) / 2), round((down - height) / 2)
    whole = image_folder.resize_picture(picture, down, across, resize)
    part = whole[:, top : top + height, left : left + width]
    assert found.shape == part.shape == (channels, height, width)
    assert (found.int() - part.int()).abs().max() <= 1


def test_broken_images_are_skipped_with_one_warning(tmp_path, monkeypatch):
    root = tmp_path / "images"
    write_images(root, ["a/1.png", "a/2.png", "b/3.png", "b/4.png"])
    good = [ImageFolder.load(root, 8, 8, 3)[0][i] for i in (0, 3)]
    (root / "a/2.png").write_bytes((root / "a/2.png").read_bytes()[:200])  # truncated
    (root / "b/3.png").write_text("not an image")
    Image.new("L", (300, 300)).save(root / "b/5.png")  # a bomb, at this limit
    (root / "b/6.png").write_bytes(b"")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40000)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    with pytest.warns(UserWarning, match=r"skipped 4 of 6 .*2\.png, .*3.*5\.png, \.\.\."):
        images, labels = ImageFolder.load(root, 8, 8, 3)
    assert torch.equal(images, torch.stack(good)) and labels.tolist() == [0, 1]

    with pytest.warns(UserWarning, match="skipped 4 of 6") as warned:
        data = Data(dataset=ImageFolder(), size=8, channels=3)
        streamed, labels = open_images(data, root, torch.device("cpu"), streamed=True)
    said = "a/2.png (truncated), b/3.png (no image), b/5.png (too large: more than 80,000 pixels)"
    assert f"{said}, b/6.png (empty)" in str(warned[0].message)
    files = streamed.files
    assert [path.name for path in files.files] == ["1.png", "4.png"] and len(files) == 2
    assert torch.equal(torch.stack([files[0], files[1]]), images) and labels.tolist() == [0, 1]
    cut = root / "a/1.png"
    cut.write_bytes(cut.read_bytes()[:200])
    with pytest.raises(ValueError, match="changed since it was first read"):
        files[0]
    cut.unlink()
    os.mkfifo(cut)  # which would be waited for
    with pytest.raises(ValueError, match="no file any more"):
        files[0]


@pytest.mark.parametrize("streamed", [False, True])
def test_skipped_images_are_named_once_in_memory_and_streamed(tmp_path, streamed, recwarn):
    write_images(tmp_path, ["1.png", "2.png"])
    (tmp_path / "3.png").write_text("not an image")
    data = Data(dataset=ImageFolder(), size=8, channels=3)
    open_images(data, tmp_path, torch.device("cpu"), streamed=streamed)
    skipped = [str(warning.message) for warning in recwarn if "skipped" in str(warning.message)]
    assert len(skipped) == 1 and "3.png" in skipped[0]


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    file = tmp_path / "0.png"
    file.touch()
    with pytest.raises(DataError) as caught:
        ImageFolder().locate(file)
    kinds = "image_folder needs images, such as jpg, png, webp, tif or ppm"
    end = f"{file}, a file; name the folder of your images"
    assert str(caught.value) == f"{kinds}; looked in {end}"
