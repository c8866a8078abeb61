"""`ganspec sample`: its forms agree, and options that do not go together are refused."""

from __future__ import annotations

import csv
import json
import shutil
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from small_gans import COLOUR, GREY, MULTI_HOT, OBJECTS, write_objects
from small_systems import CLASSIFIER, DENOISING, cfg_of
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.kinds.datasets.npz import load_images
from ganspec.language.load import loads
from ganspec.sampling import animation, forms
from ganspec.sampling.best import Judge, best
from ganspec.sampling.pictures import Pictures, square
from ganspec.sampling.sample import sample
from ganspec.sampling.sampler import Sampler
from ganspec.systems import room
from ganspec.systems.batches import scale_pixels
from ganspec.systems.gan.settings import real_sign
from ganspec.systems.latents import linear, spherical
from ganspec.systems.room import RoomError
from ganspec.training.images import open_test_images

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with runs of GANs, of a classifier and of an autoencoder, by name."""
    folder = tmp_path_factory.mktemp("runs")
    write_objects(folder)
    texts = {"grey": GREY, "colour": COLOUR, "several": MULTI_HOT.replace("FOLDER", str(folder))}
    texts |= {"classifier": CLASSIFIER, "denoising": DENOISING}
    steps = {"grey": 7}  # three pictures: of two epochs, and of the end
    for name, text in texts.items():
        ganspec.train(loads(text), folder / name, steps=steps.get(name, 2))
    return folder


@pytest.fixture
def draw(runs, tmp_path, monkeypatch):
    """Return a function that runs the command on a run, and returns its status and output."""
    monkeypatch.chdir(tmp_path)

    def invoke(name, *arguments):
        words = ["sample", str(runs / name), *map(str, arguments)]
        result = CliRunner().invoke(app, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), words
        return result.exit_code, result.output

    return invoke


def tiles(path, count, columns, height, width):
    """Return the images of a grid, N x H x W x C."""
    grid = np.atleast_3d(np.asarray(Image.open(path)))
    places = [
        (2 + i // columns * (height + 2), 2 + i % columns * (width + 2)) for i in range(count)
    ]
    return np.stack([grid[top : top + height, left : left + width] for top, left in places])


def numbers(path):
    """Return the rows of a CSV file."""
    with open(path, newline="") as file:
        return np.array([[int(number) for number in row] for row in csv.reader(file)])


def expected(runs, name, count, seed=0, **options):
    """Return the images that a Sampler draws, N x H x W x C."""
    sampler = Sampler(runs / name, CPU, **options)
    return torch.cat([i for i, _ in sampler.images(count, seed)]).permute(0, 2, 3, 1).numpy()


# -- one set of images in every form ----------------------------------------------------------


@pytest.mark.parametrize(("name", "height", "width"), [("grey", 8, 12), ("colour", 8, 8)])
def test_forms_agree_byte_for_byte(draw, runs, tmp_path, name, height, width):
    count, columns = 45, 9 if name == "grey" else 8
    for out in ("grid.png", "a.csv", "a.npz", "folder/"):
        assert draw(name, "-n", count, "--seed", 5, "-o", out)[0] == 0
    images = expected(runs, name, count, 5)
    assert images.shape[:3] == (count, height, width)
    assert np.array_equal(tiles("grid.png", count, columns, height, width), images)
    assert np.array_equal(numbers("a.csv"), images.reshape(count, -1))
    with np.load("a.npz") as arrays:
        assert np.array_equal(arrays["images"], images)
        assert arrays["images"].dtype == np.uint8
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == [f"{i:06d}.png" for i in range(count)]
    loaded = [np.atleast_3d(np.asarray(Image.open(tmp_path / "folder" / n))) for n in names]
    assert np.array_equal(np.stack(loaded), images)


def test_npz_is_read_back_as_a_data_set(draw, runs):
    draw("colour", "-n", 40, "-o", "c.npz")
    images, labels = load_images("c.npz", 8, 8, 3)
    assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), expected(runs, "colour", 40))
    assert labels.tolist() == [i % 24 for i in range(40)]
    draw("grey", "-n", 3, "-o", "g.npz")
    assert np.array_equal(
        load_images("g.npz", 8, 12, 1)[0].numpy()[:, 0, :, :, None], expected(runs, "grey", 3)
    )
    spec = loads(GREY.replace("shapes: {count: 48}", "npz"))
    draw("grey", "-n", 20, "-o", "train.npz")
    run = ganspec.train(spec, "again", data="train.npz", steps=1)
    assert run.step == 1


def test_the_same_images_twice_are_the_same_bytes(draw, tmp_path):
    for suffix in (".png", ".csv", ".npz", ".gif"):
        made = []
        for name in ("a", "b"):
            more = ["--interpolate", "linear"] if suffix == ".gif" else []
            assert draw("grey", "-n", 4, "-o", name + suffix, *more)[0] == 0
            made.append((tmp_path / (name + suffix)).read_bytes())
        assert made[0] == made[1]


def test_labels_are_written(draw):
    draw("colour", "-n", 6, "--labels", "red cube,7", "--with-labels", "-o", "a.csv")
    rows = numbers("a.csv")
    assert rows.shape == (6, 1 + 8 * 8 * 3)
    assert rows[:, 0].tolist() == [3, 7] * 3
    asked = ["--label", f"{OBJECTS[2]},{OBJECTS[5]}; 9", "-n", 2]
    draw("several", *asked, "--with-labels", "-o", "b.csv")
    marks = numbers("b.csv")[:, :24]
    assert [row.nonzero()[0].tolist() for row in marks] == [[2, 5], [9]]
    draw("several", *asked, "-o", "b.npz")
    with np.load("b.npz") as arrays:
        assert sorted(arrays) == ["images", "multi_hot"]
        assert arrays["multi_hot"].dtype == np.uint8
        assert np.array_equal(arrays["multi_hot"], marks)


def test_a_file_of_conditions_is_drawn_in_its_order(draw, runs, tmp_path):
    wishes = [[OBJECTS[0]], [OBJECTS[3], OBJECTS[4]], [OBJECTS[9]]]
    (tmp_path / "test.json").write_text(json.dumps(wishes))
    for count, name in ((None, "one"), (4, "four")):
        more = ["-n", count] if count else []
        assert draw("several", "--conditions", "test.json", *more, "-o", f"{name}.npz")[0] == 0
    with np.load("one.npz") as one, np.load("four.npz") as four:
        assert one["multi_hot"].nonzero()[1].tolist() == [0, 3, 4, 9]
        assert len(one["images"]) == 3
        assert len(four["images"]) == 12
        assert np.array_equal(four["images"][:3], one["images"])
        assert np.array_equal(four["multi_hot"], np.tile(one["multi_hot"], (4, 1)))
    status, told = draw("several", "--conditions", "test.json")
    assert (status, told) == (0, f"{runs / 'several' / 'conditions_n1_seed0_test.png'} written\n")


def test_what_is_asked_for_is_drawn(draw, runs):
    draw("colour", "-n", 2, "--label", "7", "-o", "seven.png")
    sampler = Sampler(runs / "colour", CPU)
    sampler.ask("7")
    with torch.no_grad():
        ours = sampler.generator(*sampler.inputs(2, 0).values())
    pixels = (ours * 255).round().permute(0, 2, 3, 1)
    assert np.abs(tiles("seven.png", 2, 2, 8, 8) - pixels.numpy()).max() <= 1


def test_weights_are_chosen(draw, runs):
    for name, options, keywords in [
        ("a", [], {}),
        ("b", ["--step", 3], {"step": 3}),
        ("c", ["--raw"], {"raw": True}),
        ("d", ["--step", 3, "--raw"], {"step": 3, "raw": True}),
    ]:
        assert draw("grey", "-n", 5, *options, "-o", f"{name}.npz")[0] == 0
        with np.load(f"{name}.npz") as arrays:
            assert np.array_equal(arrays["images"], expected(runs, "grey", 5, **keywords))
    images = [np.load(f"{name}.npz")["images"].tobytes() for name in "abcd"]
    assert len(set(images)) == 4


def test_truncation_is_used(draw, runs):
    draw("grey", "-n", 9, "--truncation", 0.1, "-o", "a.npz")
    sampler = Sampler(runs / "grey", CPU)
    sampler.truncate(0.1)
    images = torch.cat([images for images, _ in sampler.images(9, 0)])
    assert np.array_equal(np.load("a.npz")["images"][:, None, :, :, 0], images.numpy())


# -- the best by the discriminator ------------------------------------------------------------


@pytest.mark.parametrize(("name", "sign"), [("grey", 1), ("colour", -1), ("several", 1)])
def test_the_best_are_those_of_all_that_score_most_real(draw, runs, name, sign, monkeypatch):
    monkeypatch.setattr("ganspec.sampling.best.SPARE", 10)  # so that the worst are dropped midway
    status, told = draw(name, "--best", 7, "--of", 150, "--seed", 2, "-o", "best.npz")
    assert status == 0
    sampler = Sampler(runs / name, CPU)
    images, labels = zip(*sampler.images(150, 2), strict=True)
    judge = Judge(sampler)
    assert not judge.network.training
    pairs = zip(images, labels, strict=True)
    scores = torch.cat([judge.scores(*pair) for pair in pairs])
    order = (sign * scores).argsort(descending=True)[:7]
    with np.load("best.npz") as arrays:
        assert arrays["chosen"].tolist() == order.tolist()
        assert np.array_equal(arrays["scores"], scores[order].numpy())
        images = torch.cat(images)[order].permute(0, 2, 3, 1).numpy()
        assert np.array_equal(arrays["images"], images)
        if name == "colour":
            assert arrays["labels"].tolist() == torch.cat(labels)[order].tolist()
    lines = told.splitlines()
    assert len(lines) == 8
    assert lines[1] == f"  1. image {order[0]}, score {scores[order[0]]:.4g}"


def test_scores_are_the_discriminators(runs):
    """Computed as training does, labels and auxiliary head included."""
    sampler = Sampler(runs / "colour", CPU)
    images, labels = next(sampler.images(20, 0))
    judge = Judge(sampler)
    with torch.no_grad():
        scores, guesses = judge.network(scale_pixels(images, judge.cfg), labels)
    assert guesses.shape == (20, 24)
    assert torch.equal(judge.scores(images, labels), scores[:, 0])


@pytest.mark.parametrize(
    ("loss", "sign"),
    [
        ("wasserstein", 1),
        ("{wasserstein: {real_target: 1}}", -1),
        ("hinge", 1),
        ("minimax", 1),
        ("non_saturating", 1),
        ("{non_saturating: {real_target: 0, fake_target: 1}}", -1),
        ("least_squares", 1),
        ("{least_squares: {real_target: 0, fake_target: 1}}", -1),
        ("{least_squares: {real_target: 1, fake_target: -1}}", 1),
    ],
)
def test_the_loss_says_which_way_real_lies(loss, sign):

    assert real_sign(cfg_of(GREY.replace("non_saturating", loss)).loss) == sign


def test_a_score_needs_the_labels_that_the_discriminator_reads(tmp_path):
    text = COLOUR.replace("generator: {condition: concat, ", "generator: {")
    run = ganspec.train(loads(text), tmp_path / "run", steps=1)
    result = CliRunner().invoke(app, ["sample", str(run.folder), "--best", "2"])
    assert result.exit_code == 2
    assert "reads labels, but its generator draws" in result.output


# -- between latents --------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "function"), [("linear", linear), ("spherical", spherical)])
def test_rows_lead_from_one_latent_to_the_next(draw, runs, way, function):
    status, _ = draw("grey", "--interpolate", way, "-n", 3, "--frames", 5, "-o", "i.png")
    assert status == 0
    sampler = Sampler(runs / "grey", CPU)
    ends = sampler.inputs(6, 0)["latent"]
    grid = tiles("i.png", 15, 5, 8, 12).reshape(3, 5, 8, 12, 1).astype(int)
    for row in range(3):
        shares = torch.linspace(0, 1, 5)[:, None]
        path = function(ends[2 * row].expand(5, -1), ends[2 * row + 1].expand(5, -1), shares)
        with torch.no_grad():
            images = ((sampler.generator(path) + 1) * 127.5).round().permute(0, 2, 3, 1)
        assert np.abs(grid[row] - images.numpy()).max() <= 1
        drawn = expected(runs, "grey", 6)
        assert np.abs(grid[row][[0, -1]] - drawn[[2 * row, 2 * row + 1]]).max() <= 1


def test_a_row_holds_its_label(draw):
    arguments = ["--interpolate", "linear", "-n", 2, "--frames", 3, "--labels", "4,8"]
    status, told = draw("colour", *arguments, "-o", "i.npz")
    assert (status, "warning" in told) == (0, False)
    assert np.load("i.npz")["labels"].tolist() == [4, 4, 4, 8, 8, 8]


def test_an_arc_between_uniform_latents_warns(draw):
    status, told = draw("colour", "--interpolate", "spherical", "-o", "i.png")
    assert (status, told.count("\n")) == (0, 2)
    assert "warning: uniform latents" in told


# -- moving pictures --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["apng", "webp", "gif"])
def test_the_training_is_shown_step_by_step(draw, runs, suffix):
    status, told = draw("grey", "-o", f"t.{suffix}", "--fps", 4)
    assert (status, told) == (0, f"t.{suffix} written: 3 of 3 pictures\n")
    with Image.open(f"t.{suffix}") as moving:
        assert moving.n_frames == 3
        frames, durations = [], []
        for number in range(3):
            moving.seek(number)
            moving.load()
            frames.append(np.asarray(moving.convert("L")).astype(int))
            durations.append(moving.info["duration"])
    assert durations == [250, 250, 250 + animation.HOLD_MS]
    for frame, step in zip(frames, (3, 6, 7), strict=True):
        samples = np.asarray(Image.open(runs / "grey" / "samples" / f"{step:07d}.png"))
        factor = -(-animation.NARROWEST // samples.shape[1])
        large = samples.repeat(factor, 0).repeat(factor, 1)
        height, width = large.shape
        assert frame.shape == (height + animation.CAPTION, width)
        assert np.array_equal(frame[:height], large)
        assert (frame[height:] < 100).any()  # the step
    assert not np.array_equal(frames[0][height:], frames[1][height:])


def test_long_trainings_are_thinned_out():
    assert animation.evenly_chosen(range(3), 5) == [0, 1, 2]
    assert animation.evenly_chosen(range(1000), 5) == [0, 250, 500, 749, 999]
    for count in range(2, 60):
        chosen = animation.evenly_chosen(range(count), 7)
        assert chosen == sorted(set(chosen))
        assert (chosen[0], chosen[-1], len(chosen)) == (0, count - 1, min(7, count))


def test_an_animation_of_fewer_pictures(draw):
    assert draw("grey", "--format", "gif", "--frames", 2, "-o", "x")[1].endswith(
        "2 of 3 pictures\n"
    )
    assert Image.open("x.gif").n_frames == 2


def test_a_way_moves_there_and_back(draw):
    way = ["--interpolate", "spherical", "-n", 4, "--frames", 4]
    assert draw("grey", *way, "-o", "w.apng")[0] == 0
    assert draw("grey", *way, "-o", "w.png")[0] == 0
    still = tiles("w.png", 16, 4, 8, 12).reshape(4, 4, 8, 12, 1)
    with Image.open("w.apng") as moving:
        assert moving.n_frames == 6
        for number, place in enumerate([0, 1, 2, 3, 2, 1]):
            moving.seek(number)
            moving.save("frame.png", save_all=False)
            assert np.array_equal(tiles("frame.png", 4, 2, 8, 12), still[:, place])


def test_restored_images_are_the_same_in_every_form(draw, runs):
    for name in ("a.png", "a.npz", "a/"):
        assert draw("denoising", "-n", 20, "--seed", 3, "-o", name)[0] == 0
    assert draw("denoising", "-n", 18, "--seed", 3, "--with-labels", "-o", "a.csv")[0] == 0
    archive = np.load("a.npz")
    images, labels = archive["images"], archive["labels"]
    # in a grid, two groups of three rows: inputs, restored images, originals
    grid = tiles("a.png", 96, 16, 8, 8)
    inputs, restored, originals = (
        grid[[*range(16 * row, 16 * row + 16), *range(48 + 16 * row, 52 + 16 * row)]]
        for row in range(3)
    )
    files = [np.asarray(Image.open(f"a/{index:06d}.png")) for index in range(20)]
    rows = numbers("a.csv")  # a smaller count begins with the same images
    assert np.array_equal(restored, images)
    assert np.array_equal(files, images)
    assert np.array_equal(rows[:, 1:], images[:18].reshape(18, -1))
    assert np.array_equal(rows[:, 0], labels[:18])
    assert (inputs != originals).mean() > 0.5  # noisy
    spec = ganspec.load(runs / "denoising" / "spec.yaml")
    tests, test_labels = open_test_images(spec.data, None, CPU)
    places = [
        int((tests.permute(0, 2, 3, 1) == torch.from_numpy(image)).flatten(1).all(1).nonzero()[0])
        for image in originals
    ]
    assert len(set(places)) == 20
    assert test_labels[places].tolist() == labels.tolist()


def test_every_system_can_be_animated(draw):
    for name in ("classifier", "denoising"):
        assert draw(name, "-o", f"{name}.gif")[0] == 0


def test_a_damaged_picture_is_one_line(draw, tmp_path, runs):
    folder = tmp_path / "damaged"
    (folder / "samples").mkdir(parents=True)
    (folder / "spec.yaml").write_bytes((runs / "grey" / "spec.yaml").read_bytes())
    assert "no samples yet" in draw(folder, "-o", "a.gif")[1]
    (folder / "samples" / "0000001.png").write_bytes(b"no picture")
    status, told = draw(folder, "-o", "a.gif")
    assert (status, told.count("\n"), "0000001.png cannot be read" in told) == (2, 1, True)


# -- files ------------------------------------------------------------------------------------


def test_nothing_that_exists_is_lost(draw, tmp_path):
    (tmp_path / "mine.npz").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for out, said in (
        ("mine.npz", "--overwrite"),
        ("full/", "another folder"),
        ("full", "another folder"),
    ):
        status, told = draw("grey", "-n", 2, "-o", out)
        assert (status, told.count("\n"), said in told) == (2, 1, True)
    assert (tmp_path / "mine.npz").read_text() == "mine"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert draw("grey", "-n", 2, "-o", "mine.npz", "--overwrite")[0] == 0
    assert len(np.load("mine.npz")["images"]) == 2
    (tmp_path / "empty").mkdir()
    assert draw("grey", "-n", 2, "-o", "empty")[0] == 0
    assert len(list((tmp_path / "empty").iterdir())) == 2


@pytest.mark.parametrize(("form", "ending"), [(None, ".png"), ("npz", ".npz"), ("csv", ".csv")])
def test_a_name_without_ending_gets_the_formats(runs, tmp_path, form, ending):
    lines = sample(runs / "grey", count=2, out=str(tmp_path / "two"), form=form)
    assert lines == [f"{tmp_path / 'two'}{ending} written"]
    assert [path.name for path in tmp_path.iterdir()] == [f"two{ending}"]


def test_by_default_files_lie_in_the_run_under_new_names(draw, runs):
    for more, end in (([], ""), ([], "_2"), ([], "_3"), (["--overwrite"], "")):
        told = draw("grey", "-n", 4, *more)[1]
        assert told == f"{runs / 'grey'}/sample_n4_seed0{end}.png written\n"
    for arguments, name in [
        (["--format", "csv", "--seed", 3], "sample_n64_seed3.csv"),
        (["--best", 2, "--of", 9], "best2_of9_seed0.png"),
        (["--interpolate", "linear"], "interpolation_linear_seed0.png"),
        (
            ["--interpolate", "linear", "-n", 2, "--frames", 3],
            "interpolation_linear_n2_frames3_seed0.png",
        ),
        (["--format", "webp"], "training.webp"),
        (
            ["--step", 3, "--raw", "--truncation", 0.5],
            "sample_n64_seed0_truncation0.5_step3_raw.png",
        ),
        (["--format", "folder", "-n", 2], "sample_n2_seed0"),
        (["--format", "folder", "-n", 2], "sample_n2_seed0_2"),
        (["--format", "folder", "-n", 2, "--overwrite"], "sample_n2_seed0_3"),
    ]:
        assert draw("grey", *arguments)[1].split(" written")[0] == str(runs / "grey" / name)
        assert (runs / "grey" / name).exists()
    for label, name in [("3, 7", "sample_n2_seed0_3_7.png"), ("3,7", "sample_n2_seed0_3_7_2.png")]:
        told = draw("colour", "-n", 2, "--label", label)[1]
        assert told == f"{runs / 'colour' / name} written\n"


class BrokenError(Exception):
    pass


def endless(count, fail_at=None, alive=None):
    """Pictures of `count` images, made one batch at a time; a weak record of the batches."""

    def batches():
        for start in range(0, count, 50):
            if fail_at is not None and start >= fail_at:
                raise BrokenError
            images = torch.full((min(50, count - start), 3, 4, 5), start // 50 % 256).byte()
            if alive is not None:
                alive.append(weakref.ref(images))
            yield images, None

    return Pictures(batches(), count, (3, 4, 5), 8)


WRITERS = {
    "a.csv": lambda p, path, tell: forms.write_csv(p, path, tell, with_labels=False),
    "a.npz": forms.write_npz,
    "folder": forms.write_folder,
}


@pytest.mark.parametrize("name", WRITERS)
def test_many_images_pass_through_memory_a_few_at_a_time(name, tmp_path):
    alive, most, told = [], [], []

    def tell(done, last):
        most.append(sum(reference() is not None for reference in alive))
        told.append((done, last))

    WRITERS[name](endless(430, alive=alive), tmp_path / name, tell)
    assert max(most) <= 2
    assert told[-1] == (430, 430)


@pytest.mark.parametrize("name", [*WRITERS, "a.png"])
def test_a_file_that_was_not_finished_is_not_there(name, tmp_path):
    writer = {**WRITERS, "a.png": forms.write_grid}[name]
    with pytest.raises(BrokenError):
        writer(endless(430, fail_at=200), tmp_path / name, lambda done, last: None)
    assert list(tmp_path.iterdir()) == []


# -- wishes that do not go together -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("grey", "--best 3 -n 4", "--best and -n exclude each other"),
        ("grey", "--best 3 --of 2", "2 images are too few for the 3 best"),
        ("grey", "--of 2", "--of needs --best"),
        ("grey", "--best 3 --interpolate linear", "--best and --interpolate exclude"),
        ("grey", "--label 3", "no condition"),
        ("grey", "--conditions nowhere.json", "no condition"),
        ("several", "--conditions nowhere.json", "nowhere.json does not exist"),
        ("several", "--conditions labels.txt", "--conditions is a .json file"),
        ("several", "--conditions a.json --label 3", "--conditions and --label exclude"),
        ("grey", "--interpolate cubic", "linear or spherical, not `cubic`"),
        ("grey", "--frames 5", "--frames needs --interpolate"),
        ("grey", "--truncation 0", "--truncation must be a finite number above 0"),
        ("grey", "--truncation nan", "must be a finite number above 0"),
        ("grey", "--truncation inf", "must be a finite number above 0"),
        ("colour", "--truncation 1", "uniform"),
        ("grey", "--fps 5", "--fps needs an animation"),
        ("grey", "-o a.gif -n 4", "leave it out, or add --interpolate"),
        ("grey", "-o a.gif --seed 4", "leave it out, or add --interpolate"),
        ("grey", "-o a.gif --device cpu", "--device is for new images: leave it out"),
        ("grey", "-n 4 -o /proc/a.png", "cannot write /proc/a.png"),
        ("several", "--label all,1", "`all` names every label, so it stands alone"),
        ("grey", "-o a.jpg", "`a.jpg` has no known format: end it with .png"),
        ("grey", "--format jpg", "no format is called `jpg`: use grid"),
        ("grey", "--format npz -o a.csv", "npz contradicts -o a.csv, whose format is csv: leave"),
        ("grey", "--format npz -o a.csv", "or end the name in .npz"),
        ("grey", "--format folder -o a.CSV", "or end the name in a slash"),
        ("grey", "--format csv -o a/", "csv contradicts -o a/, whose format is folder"),
        ("grey", "--format grid -o a.gif", "or end the name in .png"),
        ("grey", "-n 10001", "use -o out.npz"),
        ("grey", "--best 10001", "use -o out.npz"),
        ("grey", "-n 10001", "error: a grid has 10,000 images at most, not 10,001"),
        (
            "grey",
            "--interpolate linear -n 400 -o walk.webp",
            "all frames of an animation have 10,000 images at most, not 12,000",
        ),
        ("grey", "--interpolate linear -n 5000", "use -o out.npz"),
        ("grey", "--with-labels -o a.csv", "reads no label to write"),
        ("colour", "--with-labels", "--with-labels is for CSV"),
        ("grey", "--step 4", "no weights of step 4, only of 3, 6, 7"),
        ("classifier", "-n 4", "trains a classifier"),
        ("denoising", "--truncation 1", "leave --truncation out; -n and --seed choose the images"),
        ("denoising", "-n 65", "there are 64 images to restore, not 65: give -n 64"),
        ("denoising", "--with-labels", "--with-labels is for CSV"),
        ("denoising", "--label 1", "reads no labels"),
    ],
)
def test_bad_wishes_are_one_line_and_write_nothing(draw, tmp_path, name, arguments, said):
    status, told = draw(name, *arguments.split())
    assert (status, told.count("\n")) == (2, 1), told
    assert said in told
    assert list(tmp_path.iterdir()) == []


def test_a_device_for_all_commands_is_no_wish(draw, monkeypatch):
    monkeypatch.setenv("GANSPEC_DEVICE", "cpu")
    assert draw("grey", "-o", "a.gif")[0] == 0


def test_a_run_without_checkpoint_is_one_line(draw, runs, tmp_path):
    shutil.copytree(runs / "grey", tmp_path / "failed")
    (tmp_path / "failed" / "checkpoint.pt").unlink()
    status, told = draw(tmp_path / "failed", "-n", 2)
    assert (status, told.count("\n")) == (2, 1)
    assert "no checkpoint: its training has not reached one, or failed: wait" in told


def test_python_has_the_same_options(runs, tmp_path):
    out = tmp_path / "four.npz"
    told = []
    assert sample(runs / "grey", lambda *done: told.append(done), count=4, seed=1, out=out) == [
        f"{out} written"
    ]
    assert told == [(4, 4)]
    assert np.array_equal(np.load(out)["images"], expected(runs, "grey", 4, 1))


def test_grids_are_about_square():
    assert [square(n) for n in (1, 2, 3, 4, 7, 9, 10, 12, 20, 64, 97)] == [
        *(1, 2, 3, 2, 3, 3, 5, 4, 5, 8, 10)
    ]


def test_best_is_no_worse_than_chance(runs):
    """With as many as there are, the best are all of them."""
    sampler = Sampler(runs / "grey", CPU)
    pictures = best(sampler, 40, 40, 0, lambda done, last: None)
    assert sorted(pictures.ranking.indices.tolist()) == list(range(40))
    assert stats.rankdata(-pictures.ranking.scores.numpy(), method="ordinal").tolist() == list(
        range(1, 41)
    )


@pytest.mark.parametrize(
    ("out", "size"),
    [("out.npz", "89.4 GiB"), ("out.csv", "178.8 GiB"), ("new/out/", "3,814.7 GiB")],
)
def test_more_images_than_the_disk_holds_are_refused_before_the_first(
    draw, out, size, monkeypatch, tmp_path
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**30))
    status, output = draw("grey", "-n", 10**9, "-o", out)
    place = {"new/out/": "new"}.get(out, ".")
    assert (status, output) == (
        2,
        f"error: 1,000,000,000 images, 1 x 8 x 12, need {size} or more in {place}, and 3.0 GiB "
        "are free: draw fewer\n",
    )
    assert draw("grey", "-n", 2, "-o", out)[0] == 0
    assert draw("grey", "-n", 10**9)[1].startswith("error: a grid has 10,000 images at most")


def test_the_best_images_are_not_drawn_without_room_on_the_disk(draw, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    monkeypatch.setattr(Sampler, "images", lambda *_: pytest.fail("images were drawn"))
    said = "2 images, 1 x 8 x 12, need 0.0 GiB or more in ., and 0.0 GiB are free: draw fewer\n"
    assert draw("grey", "--best", 2, "--of", 9, "-o", "out.npz") == (2, f"error: {said}")


def test_more_images_than_memory_holds_are_refused_before_the_first(draw, runs, monkeypatch):
    monkeypatch.setattr(room, "free_memory", lambda: 668 * 2 * 8 * 12.0)
    run, few = ganspec.Run(runs / "grey"), "images, 1 x 8 x 12, need 0.0 GiB of memory, and 0.0 "
    assert len(run.sample(600)) == 600
    with pytest.raises(RoomError, match=r"^669 images.*: draw fewer, or write them to a file with"):
        run.sample(669)
    trainer = ganspec.Trainer(run.spec, device="cpu")
    with pytest.raises(RoomError, match=rf"^669 {few}GiB are free: draw fewer$"):
        trainer.sample(669)
    for words in (["-n", 669], ["--best", 669, "--of", 700, "-o", "best.npz"]):
        assert draw("grey", *words) == (2, f"error: 669 {few}GiB are free: draw fewer\n")
    with pytest.raises(RoomError, match=r"^1,000,000,000 images, 1 x 8 x 12, need 178\.8 GiB"):
        run.sample(10**9)
    assert draw("grey", "-n", 669, "-o", "out.npz")[0] == 0  # in parts
