"""Data sets in files of NumPy arrays, and the errors if they hold something else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from writing import pixels

from ganspec.kinds.datasets.npz import Npz, load_images


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_channels_may_be_last_first_or_left_out(tmp_path, save, grey):
    first = pixels(5, 1 if grey else 3, 6, 7)
    orders = [first, first.transpose(0, 2, 3, 1)] + ([first[:, 0]] if grey else [])
    for images in orders:
        save(tmp_path / "a.npz", images=images)
        for place in (tmp_path, tmp_path / "a.npz"):
            found = load_images(Npz().locate(place), 6, 7, first.shape[1])
            assert torch.equal(found[0], torch.from_numpy(first)) and found[0].is_contiguous()
            assert found[1].tolist() == [0] * 5 and found[1].dtype == torch.int64
    assert load_images(tmp_path, 4, 4, 3)[0].shape == (5, 3, 4, 4)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_labels_are_whole_numbers(tmp_path, kind, shape):
    labels = np.arange(5).reshape(shape).astype(kind)
    np.savez(tmp_path / "a.npz", images=pixels(5, 6, 6), labels=labels)
    found = load_images(tmp_path, 6, 6, 1)[1]
    assert found.tolist() == [0, 1, 2, 3, 4] and found.dtype == torch.int64


IMAGES = np.zeros((5, 6, 6, 3), np.uint8)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_])
def test_multi_hot_labels_are_rows_of_0_and_1(tmp_path, kind):
    marks = (pixels(5, 3) % 2).astype(kind)
    np.savez(tmp_path / "a.npz", images=pixels(5, 6, 6), multi_hot=marks)
    found = load_images(tmp_path, 6, 6, 1)[1]
    assert found.tolist() == marks.astype(int).tolist() and found.dtype == torch.uint8


@pytest.mark.parametrize(
    "arrays, said",
    [
        ({"images": IMAGES, "multi_hot": np.zeros((4, 3), int)}, "int64 4 x 3, not 5 rows"),
        ({"images": IMAGES, "multi_hot": np.zeros(5, int)}, "`multi_hot` is int64 5, not 5 rows"),
        ({"images": IMAGES, "multi_hot": np.full((5, 3), 2)}, "`multi_hot` holds 2 to 2, not 0"),
        ({"images": IMAGES, "multi_hot": np.zeros((5, 3))}, "float64"),
        ({"images": IMAGES, "labels": [0] * 5, "multi_hot": np.eye(5)}, "cannot both"),
        ({"x": IMAGES, "y": IMAGES}, "no array `images`, only x, y"),
        ({"images": IMAGES / 255}, "`images` is float64, not uint8"),
        ({"images": IMAGES[:0]}, "`images` is empty: 0 x 6 x 6 x 3"),
        ({"images": IMAGES[..., :2]}, "5 x 6 x 6 x 2, not N x H x W x C"),
        ({"images": IMAGES[0, 0]}, "6 x 3, not N x H x W x C"),
        ({"images": IMAGES, "labels": np.zeros(4, int)}, "int64 4, not 5 whole numbers"),
        ({"images": IMAGES, "labels": np.zeros((5, 2), int)}, "int64 5 x 2, not 5"),
        ({"images": IMAGES, "labels": np.zeros(5)}, "`labels` is float64 5"),
        ({"images": IMAGES, "labels": np.arange(-1, 4)}, "`labels` begins at -1"),
        ({"images": np.array([print, None])}, r"allow_pickle"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=said) as raised:
        load_images(tmp_path, 6, 6, 3)
    assert str(tmp_path / "a.npz") in str(raised.value)


@pytest.mark.parametrize("name", ["label", "y_train"])
def test_arrays_that_are_not_read_are_named(tmp_path, name, recwarn):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.arange(5))
    load_images(tmp_path, 6, 6, 3)
    assert not recwarn
    np.savez(tmp_path / "a.npz", images=IMAGES, **{name: np.arange(5)})
    with pytest.warns(UserWarning, match=rf"left out of .*a\.npz what is not .*labels.*: {name}$"):
        assert not load_images(tmp_path, 6, 6, 3)[1].any()
    np.savez(tmp_path / "a.npz", *[IMAGES] * 4, images=IMAGES)
    with pytest.warns(UserWarning, match=r": arr_0, arr_1, arr_2, \.\.\.$"):
        load_images(tmp_path, 6, 6, 3)


def test_damaged_files_are_refused_by_name(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=pixels(5, 30, 30))
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[2000:2100] = bytes(100)
    for content in (b"", b"no arrays", whole[:3000], bytes(broken)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.npz (is not a \.npz file|cannot be read)"):
            load_images(tmp_path, 6, 6, 3)


def test_a_folder_holds_one_file(tmp_path):
    with pytest.raises(ValueError, match=r"holds no \.npz file"):
        load_images(tmp_path, 6, 6, 3)
    for name in "ba":
        np.savez(tmp_path / f"{name}.npz", images=IMAGES)
    with pytest.raises(ValueError, match=r"2 .npz files \(a.npz, b.npz\): name one"):
        load_images(tmp_path, 6, 6, 3)
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(ValueError, match=r"a\.npy is not a \.npz file"):
        load_images(tmp_path / "a.npy", 6, 6, 3)
