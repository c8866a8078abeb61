"""Data sets read what others wrote, and refuse what is damaged or hostile."""

import gzip
import inspect
import io
import os
import pickle
import struct
import tarfile
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from ganspec.datasets import cifar10, fashion_mnist, image_folder, mnist, shapes
from ganspec.datasets.cifar10 import Cifar10
from ganspec.datasets.dataset import DataError
from ganspec.datasets.fashion_mnist import FashionMnist
from ganspec.datasets.image_folder import ImageFolder
from ganspec.datasets.images import fit_images
from ganspec.datasets.mnist import Mnist
from ganspec.datasets.shapes import Shapes
from ganspec.language.kinds import kinds_of

FASHION = Path("/usr/share/datasets/fashion-mnist")
random = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No data set in the working folder, the home folder or the environment."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GANSPEC_DATA", raising=False)


def pixels(*shape):
    return random.integers(0, 256, shape, dtype=np.uint8)


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    data = header + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_digits(folder, prefix="train", ending="", count=7):
    images, labels = pixels(count, 28, 28), pixels(count) % 10
    write_idx(folder / f"{prefix}-images-idx3-ubyte{ending}", images)
    write_idx(folder / f"{prefix}-labels-idx1-ubyte{ending}", labels)
    return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()


def write_batches(folder, protocol=2):
    """The five training batches of four images each, and the test batch."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = pixels(24, 3072), [int(label) for label in pixels(24) % 10]
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for i, name in enumerate(names):
        part = slice(4 * i, 4 * i + 4)
        batch = {b"data": images[part].copy(), b"labels": labels[part]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    return torch.from_numpy(images.reshape(24, 3, 32, 32)), torch.tensor(labels)


def check_equal(read, written):
    for got, expected in zip(read, written, strict=True):
        assert got.dtype == expected.dtype
        assert torch.equal(got, expected)


# sizes and channels


@pytest.mark.parametrize("before", [(32, 32), (28, 20)])
@pytest.mark.parametrize("after", [(16, 16), (64, 64), (17, 40)])
def test_resizing_agrees_with_pil(before, after):
    images = torch.from_numpy(pixels(3, 3, *before))
    fitted = fit_images(images, *after, 3)
    for image, got in zip(images, fitted, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        expected = picture.resize(after[::-1], Image.Resampling.BILINEAR)
        # PIL rounds once more, between the two directions
        difference = got.permute(1, 2, 0).int() - torch.from_numpy(np.array(expected))
        assert difference.abs().max() <= 1


def test_grey_is_the_luma_of_pil():
    images = pixels(1, 3, 300, 300)
    expected = np.array(Image.fromarray(images[0].transpose(1, 2, 0)).convert("L"))
    got = fit_images(torch.from_numpy(images), 300, 300, 1)
    assert np.array_equal(got[0, 0].numpy(), expected)


def test_colour_repeats_grey_beyond_one_part():
    images = torch.from_numpy(pixels(1003, 1, 4, 4))
    assert torch.equal(fit_images(images, 4, 4, 3), images.expand(-1, 3, -1, -1))
    assert fit_images(images, 4, 4, 1) is images


# IDX files


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("kind", [FashionMnist, Mnist])
def test_idx_files_are_read_back(tmp_path, kind, ending):
    train = write_digits(tmp_path, "train", ending)
    test = write_digits(tmp_path, "t10k", ending, count=3)
    check_equal(kind.load(tmp_path, 28, 28, 1), train)
    check_equal(kind.load(tmp_path, 28, 28, 1, **kind(split="test").model_dump()), test)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("damage", ["short", "long", "magic", "headless"])
def test_damaged_idx_files_are_refused_by_name(tmp_path, ending, damage):
    write_digits(tmp_path, ending=ending)
    path = tmp_path / f"train-images-idx3-ubyte{ending}"
    data = path.read_bytes()
    if damage == "magic":
        write_idx(path, pixels(7))
    else:
        damaged = {"short": data[:-9], "long": data + b"0", "headless": data[:6]}
        path.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=path.name):
        mnist.load_images(tmp_path, 28, 28, 1)


def test_idx_labels_must_match_images(tmp_path):
    write_digits(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", pixels(6))
    with pytest.raises(ValueError, match="7 images but 6 labels"):
        mnist.load_images(tmp_path, 28, 28, 1)


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs dataset-fashion-mnist")
def test_fashion_mnist_itself():
    data = FashionMnist()
    images, labels = data.load(data.locate(None), 28, 28, 1, **data.model_dump())
    assert images.shape == (60000, 1, 28, 28)
    assert torch.bincount(labels).tolist() == [6000] * 10
    # the published mean of its pixels
    assert images.float().mean() / 255 == pytest.approx(0.2860, abs=1e-4)


# CIFAR-10


@pytest.mark.parametrize("protocol", range(6))
def test_cifar10_batches_are_read_back(tmp_path, protocol):
    images, labels = write_batches(tmp_path / "cifar-10-batches-py", protocol)
    folder = Cifar10().locate(tmp_path)
    check_equal(Cifar10.load(folder, 32, 32, 3), (images[:20], labels[:20]))
    test = Cifar10.load(tmp_path, 32, 32, 3, split="test")
    check_equal(test, (images[20:], labels[20:]))


def write_archive(tmp_path, names):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name in names:
            archive.add(tmp_path / "made" / name, f"cifar-10-batches-py/{name}")


def test_cifar10_archive_is_read_in_any_order_and_not_unpacked(tmp_path):
    images, labels = write_batches(tmp_path / "made")
    names = sorted(os.listdir(tmp_path / "made"), reverse=True)
    write_archive(tmp_path, names)
    before = sorted(tmp_path.rglob("*"))
    read = Cifar10.load(Cifar10().locate(tmp_path), 32, 32, 3)
    check_equal(read, (images[:20], labels[:20]))
    assert sorted(tmp_path.rglob("*")) == before
    write_archive(tmp_path, names[:-2])
    with pytest.raises(ValueError, match="lacks data_batch_1, data_batch_2"):
        cifar10.load_images(tmp_path, 32, 32, 3)


def test_cifar10_as_python_2_wrote_it():
    image = pixels(1, 3072)
    # opcode by opcode: the official files hold Python 2 strings and numpy's old names
    stream = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        b"K\x00\x85U\x01b\x87R(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01"
        b"\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T\x00\x0c\x00\x00" + image.tobytes() + b"tbU\x06labels](K\x07eu."
    )
    read, labels = cifar10.read_batch(io.BytesIO(stream), "data_batch_1")
    assert np.array_equal(read.reshape(1, 3072), image) and labels == [7]


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_hostile_pickles_do_not_run(tmp_path, protocol, archived):
    write_batches(tmp_path / "made")
    marker = tmp_path / "marker"
    attack = Hostile(os.system, f"touch {marker}")
    pickle.loads(pickle.dumps(attack, protocol))
    assert marker.exists()  # the attack does work on an open door
    marker.unlink()
    batch = {b"data": attack, b"labels": []}
    hostile = tmp_path / "made" / "data_batch_3"
    hostile.write_bytes(pickle.dumps(batch, protocol))
    if archived:
        write_archive(tmp_path, os.listdir(tmp_path / "made"))
    folder = tmp_path if archived else tmp_path / "made"
    with pytest.raises(pickle.UnpicklingError, match=r"data_batch_3 .*posix\.system"):
        cifar10.load_images(folder, 32, 32, 3)
    assert not marker.exists()


@pytest.mark.parametrize("function", [eval, np.load, getattr, np.frombuffer])
def test_a_batch_may_name_only_the_parts_of_an_array(function):
    stream = io.BytesIO(pickle.dumps(Hostile(function, "1")))
    with pytest.raises(pickle.UnpicklingError, match=function.__name__):
        cifar10.read_batch(stream, "test_batch")


@pytest.mark.parametrize(
    "batch",
    [
        {},
        [],
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]},
        {b"data": np.zeros((1, 3072), np.float32), b"labels": [1]},
        {b"data": np.zeros((1, 1024), np.uint8), b"labels": [1]},
    ],
)
def test_other_pickles_are_not_batches(batch):
    with pytest.raises(ValueError, match="test_batch is not a CIFAR-10 batch"):
        cifar10.read_batch(io.BytesIO(pickle.dumps(batch)), "test_batch")


def test_truncated_batches_are_named(tmp_path):
    write_batches(tmp_path)
    path = tmp_path / "data_batch_2"
    for size in (0, 100, 5000):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises((EOFError, pickle.UnpicklingError)) as raised:
            cifar10.load_images(tmp_path, 32, 32, 3)
        assert raised.value.__notes__ == ["while reading data_batch_2"]
        write_batches(tmp_path)


# folders of images


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


def write_images(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(9, 12, 3)).save(folder / name)


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
    with pytest.raises(ValueError, match="no jpg"):
        ImageFolder.load(tmp_path / "home", 8, 8, 1)


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

    with pytest.warns(UserWarning, match="skipped 3 of 6"):
        files = ImageFolder().files(root, 8, 8, 3)
    assert [path.name for path in files.files] == ["1.png", "2.png", "4.png"]
    assert torch.equal(torch.stack([files[0], files[2]]), images)
    assert files.labels.tolist() == [0, 0, 1] and len(files) == 3
    with pytest.raises(OSError) as raised:
        files[1]
    assert "2.png" in raised.value.__notes__[0]


# drawn scenes


def test_scenes_depend_on_the_seed_and_not_on_the_count():
    images, labels = Shapes.load(None, 64, 64, 3, count=300, seed=3)
    for count in (1, 5, 63, 65, 130):
        some = Shapes.load(None, 64, 64, 3, count=count, seed=3)
        check_equal(some, (images[:count], labels[:count]))
    assert not torch.equal(images, Shapes.load(None, 64, 64, 3, count=300, seed=4)[0])
    assert len(images.flatten(1).unique(dim=0)) == 300


def test_scenes_are_balanced_and_show_the_colour_of_their_label():
    images, labels = shapes.load_images(None, 48, 48, 3, count=400)
    assert labels.dtype == torch.int64 and set(labels.tolist()) == set(range(24))
    codes = bytes.fromhex("575757ad23232a4bd71d6914814a198126c029d0d0ffee33")
    hues = torch.tensor(list(codes)).reshape(8, 3).float()
    hues, seen = (torch.nn.functional.normalize(v, dim=1) for v in (hues, images.float()))
    shown = torch.einsum("nchw,kc->nkhw", seen, hues) > 0.9995
    shown = shown.sum((2, 3))[torch.arange(400), labels // 3]
    assert shown.min() >= 12


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
    hit, normal = shapes.meet_solid(eye, rays, 1.0, bend, torch.tensor(reach))
    steps = torch.linspace(0, 3, 6001)
    entered = inside(eye[:, :, None] + rays[:, :, None] * steps)
    stepped = entered.any(1)
    assert (hit != stepped).float().mean() < 0.01 and 90 < hit.sum() < 310
    # the surface lies across the normal: inside on one side of it, outside on the other
    both = hit & stepped
    point = eye + rays * steps[entered.int().argmax(1)]
    normal = torch.stack(normal)
    assert normal[:, both].norm(dim=0).sub(1).abs().max() < 1e-3
    outer, inner = inside(point + 0.02 * normal), inside(point - 0.02 * normal)
    assert (~outer & inner)[both].float().mean() > 0.97


def test_the_rectangle_around_a_solid_holds_all_of_it():
    scenes = shapes.draw_scenes(np.random.default_rng(0), 64)
    light = torch.tensor([-0.6, -0.4, 0.7])
    drawn = shapes.draw_solids(torch.zeros(64, 60, 60, 3), scenes, light)
    whole = torch.zeros(64, 60, 60, 3)
    x = torch.arange(120) / 2 + 0.25
    for slot in range(3):
        solid = {name: field[:, slot, None, None] for name, field in scenes.items()}
        colour, cover = shapes.shade_solids(solid, x, x[:, None], light, 60, 60)
        painted = whole * (1 - cover) + colour
        whole = torch.where(solid["present"][..., None], painted, whole)
    assert torch.allclose(drawn, whole, atol=1e-3)


# places, and what emitted programs take over


def test_places_are_searched_in_order(tmp_path, monkeypatch):
    folders = ["given/MNIST/raw", "root/mnist", "root", "home/data/MNIST/raw"]
    folders.append("home/.cache/ganspec/data/mnist")
    monkeypatch.setenv("GANSPEC_DATA", str(tmp_path / "root"))
    for folder in folders:
        write_digits(tmp_path / folder, ending=".gz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Mnist().locate(tmp_path / "given") == tmp_path / folders[0]
    (tmp_path / folders[0] / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.warns(UserWarning, match="no mnist in .*given; using .*root"):
        assert Mnist().locate(tmp_path / "given") == tmp_path / "root/mnist"
    for folder in folders[1:]:
        found = Mnist().locate(None)
        assert found.resolve() == tmp_path / folder
        (found / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError):
        Mnist().locate(None)


@pytest.mark.parametrize(
    "data, file",
    [
        (FashionMnist(split="test"), "t10k-images-idx3-ubyte"),
        (Mnist(), "train-labels-idx1-ubyte"),
        (Cifar10(), "cifar-10-python.tar.gz"),
        (ImageFolder(), "png"),
    ],
)
def test_missing_files_are_one_line_with_places_and_a_fix(tmp_path, monkeypatch, data, file):
    monkeypatch.setattr(type(data), "well_known", ("/nowhere/at/all",))
    given = tmp_path / "given"
    with pytest.raises(DataError) as raised:
        data.locate(given)
    message = str(raised.value)
    assert message.startswith(f"{data.kind} needs ") and file in message
    assert data.fix in message and "\n" not in message
    for place in data.places(given):
        assert str(place) in message
    # nothing can stand in for the user's own images
    assert ("/nowhere/at/all" in message) == (data.kind != "image_folder")


def test_fashion_mnist_names_its_package():
    assert "apt-get install dataset-fashion-mnist" in FashionMnist.fix
    assert str(FASHION) in FashionMnist.well_known


def moved(function, found):
    """Functions whose text `function` needs, in the order of their definition."""

    def names(code):
        yield from code.co_names
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from names(constant)

    for name in names(function.__code__):
        value = function.__globals__.get(name)
        ours = getattr(value, "__module__", "").startswith("ganspec")
        if ours and isinstance(value, types.FunctionType) and value not in found:
            moved(value, found)
    found.append(function)
    return found


@pytest.mark.parametrize("kind", sorted(kinds_of("dataset")))
def test_load_images_works_as_moved_text(tmp_path, kind):
    dataset, folder = kinds_of("dataset")[kind], tmp_path / "data"
    assert dataset.load is inspect.getmodule(dataset).load_images
    write_digits(folder)
    write_batches(folder)
    if kind == "image_folder":
        write_images(folder, ["a.png", "b.png"])
    fields = {"count": 3} if kind == "shapes" else {}
    scope = {}
    exec(
        "import gzip, pickle, struct, tarfile, warnings, zlib\n"
        "from pathlib import Path\n"
        "import numpy as np\nimport torch\nimport torch.nn.functional as F\n"
        "from PIL import Image, ImageOps\n"
        + "\n".join(inspect.getsource(f) for f in moved(dataset.load, [])),
        scope,
    )
    read = scope["load_images"](folder, 20, 20, 1, **fields)
    check_equal(read, dataset.load(folder, 20, 20, 1, **fields))
    assert len(read[0]) == len(read[1]) > 0
    assert set(fields) <= set(dataset.model_fields)
    signature = list(inspect.signature(dataset.load).parameters)
    own = list(dataset.model_fields)
    assert signature == ["folder", "height", "width", "channels", *own]


def test_fashion_mnist_and_mnist_read_alike(tmp_path):
    write_digits(tmp_path)
    read = fashion_mnist.load_images(tmp_path, 14, 14, 3)
    check_equal(read, mnist.load_images(tmp_path, 14, 14, 3))
