"""Write images of a run into a file, as a request describes them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch

from ganspec.atomic import check_free, with_ending
from ganspec.runs.run import Run, RunError
from ganspec.sampling import forms
from ganspec.sampling.animation import Animation, animate_interpolation, animate_training
from ganspec.sampling.best import best
from ganspec.sampling.interpolation import interpolated
from ganspec.sampling.label_names import LabelError
from ganspec.sampling.pictures import OnProgress, Pictures, Ranking, new_images
from ganspec.sampling.request import ENDINGS, MOST_IN_A_GRID, Request, SampleError, flag
from ganspec.sampling.restored import check_count, open_restoration
from ganspec.sampling.sampler import Sampler
from ganspec.streams import is_stdout, is_stream
from ganspec.systems.ranks import Ranks
from ganspec.systems.room import require_disk
from ganspec.training.device import choose_device

COUNT = 64  # images by default
# defaults of interpolations: pairs of latents, images per pair, images per pair of an animation
PAIRS, STEPS, FRAMES = 8, 9, 30
AMONG = 100  # images drawn for each of the best, by default
LONGEST_LABELS = 60  # most characters of the labels in the name of a file
# the fewest bytes on a disk of an image of so many numbers, by format
LEAST_BYTES: dict[str, Callable[[int], int]] = {
    "csv": lambda numbers: 2 * numbers,  # a digit and a comma or a line end for each
    "folder": lambda numbers: 4096,  # a file of any size takes a block
    "npz": lambda numbers: numbers,
}
FPS = 5.0  # frames per second of an animation, by default


def sample(
    folder: Path | str,
    on_progress: OnProgress = lambda done, total: None,
    ranks: Ranks | None = None,
    **options: Any,  # the fields of Request
) -> list[str]:
    """Write images of the run in `folder` into a file. Return lines of text that describe them.

    `on_progress` is called with the numbers of images that are done and of all. `ranks` are the
    processes that share the drawing of new images. Raises OSError, or a GanspecError such as
    SampleError or RunError; nothing is written then.
    """
    request, run = Request(**options), Run.open(Path(folder))
    request.check()
    path = _target(run, request)
    if ranks and ranks.count > 1 and (request.shows_training or not run.spec.draws):
        raise SampleError("only new images are drawn by several processes: leave --processes out")
    if request.out:
        check_free(path, request.overwrite, request.chosen_form == "folder")
    device = choose_device(request.device)  # an unknown device is an error even if not used
    if request.shows_training:
        description = animate_training(run, _animation(path, request), request.frames, on_progress)
        return [description if is_stdout(path) else f"{path} written: {description}"]
    spec = run.spec
    if spec.predicts:
        raise RunError(
            f"{folder} trains a classifier, which makes no images; pictures of its tests are "
            f"in {run.folder / 'samples'}"
        )
    if request.data and not spec.restores:
        message = f"--data is for networks that restore images, and {folder} makes new ones"
        raise SampleError(f"{message}: leave it out")
    if spec.restores:
        pictures = _restored(run, spec.restores, request, device, path)
    else:
        pictures = _pictures(_sampler(run, request, device, ranks), request, path, on_progress)
    _write(pictures, request, path, on_progress)
    written = [] if is_stdout(path) else [f"{path} written"]
    return [*written, *(_ranking_lines(pictures.ranking) if pictures.ranking else [])]


def _target(run: Run, request: Request) -> Path:
    """Return the path to write to: `out`, or one in the run's folder whose name has the options.

    Without `overwrite`, a path in the run's folder is new: `NAME_2` if `NAME` exists, and so on.
    That of a folder is always new.
    """
    suffix = ENDINGS.get(request.chosen_form, "")
    if request.out is not None:
        return with_ending(Path(request.out), suffix)
    name = _name(request)
    ends = itertools.chain([""], (f"_{number}" for number in itertools.count(2)))
    paths = (run.folder / f"{name}{end}{suffix}" for end in ends)
    replaces = request.overwrite and request.chosen_form != "folder"
    return next(path for path in paths if replaces or not path.exists())


def _name(request: Request) -> str:
    """Return a name for the file, without ending, that describes the requested images."""
    if request.shows_training:
        return "training"
    if request.interpolate:
        name = f"interpolation_{request.interpolate}"
        name += f"_n{request.count}" if request.count else ""
    elif request.best:
        name = f"best{request.best}_of{request.of or AMONG * request.best}"
    elif request.conditions:
        name = f"conditions_n{request.count or 1}"
    else:
        name = f"sample_n{request.count or COUNT}"
    name += f"_frames{request.frames}" if request.frames else ""
    name += f"_seed{request.seed or 0}"
    labels = Path(request.conditions).stem if request.conditions else request.label
    name += f"_{_plain(labels)}" if labels else ""
    name += f"_truncation{request.truncation:g}" if request.truncation else ""
    name += f"_step{request.step}" if request.step is not None else ""
    return name + ("_raw" if request.raw else "")


def _plain(text: str) -> str:
    """Return labels as a part of a file's name: `red_cube_7` for `red cube, 7`."""
    return re.sub(r"\W+", "_", text).strip("_")[:LONGEST_LABELS]


def _animation(path: Path, request: Request) -> Animation:
    return Animation(path, request.chosen_form, request.fps or FPS)


def _sampler(run: Run, request: Request, device: torch.device, ranks: Ranks | None) -> Sampler:
    """Return the run's sampler, with the requested weights, labels and truncation.

    Raises SampleError if labels are to be written but the generator reads none, LabelError if a
    label is unknown, and RunError or CheckpointError if weights or truncation are impossible.
    """
    sampler = Sampler(run.folder, device, request.step, request.raw, ranks)
    text = str(request.conditions) if request.conditions else request.label
    if text is not None:
        sampler.ask(text)
    if request.with_labels and sampler.labels is None:
        message = f"the {sampler.spec.draws} of {sampler.spec.name} reads no label to write"
        raise SampleError(f"{message}: leave --with-labels out")
    if request.truncation is not None:
        sampler.truncate(request.truncation)
    return sampler


def _pictures(sampler: Sampler, request: Request, path: Path, on_progress: OnProgress) -> Pictures:
    """Return the requested images, which are drawn when their batches are read.

    The best images, however, are drawn before this function returns. Raises what `_check_room`
    raises before any image is drawn.
    """
    seed, count = request.seed or 0, request.count
    if request.interpolate:
        steps = request.frames or (FRAMES if request.is_animation else STEPS)
        pictures = interpolated(sampler, count or PAIRS, steps, seed, request.interpolate)
    elif request.best:
        _check_room(request.best, sampler.spec.data.shape, request, path)
        return best(sampler, request.best, request.of or AMONG * request.best, seed, on_progress)
    elif request.conditions and sampler.labels is not None:
        pictures = new_images(sampler, len(sampler.labels) * (count or 1), seed)
    else:
        pictures = new_images(sampler, count or COUNT, seed)
    _check_room(pictures.count, pictures.shape, request, path)
    return pictures


def _check_room(count: int, shape: tuple[int, int, int], request: Request, path: Path) -> None:
    """Raise SampleError if a grid, or all frames of an animation, have too many images.

    Raise RoomError if `count` images of `shape` do not fit on the disk of `path`.
    """
    if count > MOST_IN_A_GRID and (request.chosen_form == "grid" or request.is_animation):
        whole = "all frames of an animation have" if request.is_animation else "a grid has"
        raise SampleError(
            f"{whole} {MOST_IN_A_GRID:,} images at most, not {count:,}: "
            "use -o out.npz, -o out.csv or -o out/"
        )
    if request.chosen_form in LEAST_BYTES:
        folder = Path(gettempdir()) if is_stream(path) else path.parent
        needed = count * LEAST_BYTES[request.chosen_form](math.prod(shape))
        require_disk(folder, needed, count, shape)


def _write(pictures: Pictures, request: Request, path: Path, on_progress: OnProgress) -> None:
    if request.is_animation:
        animate_interpolation(pictures, _animation(path, request), on_progress)
        return
    writers: dict[str, Callable[[Pictures, Path, OnProgress], None]] = {
        "grid": forms.write_grid,
        "folder": forms.write_folder,
        "csv": partial(forms.write_csv, with_labels=request.with_labels),
        "npz": forms.write_npz,
    }
    writers[request.chosen_form](pictures, path, on_progress)


def _ranking_lines(ranking: Ranking) -> list[str]:
    pairs = zip(ranking.scores.tolist(), ranking.indices.tolist(), strict=True)
    return [
        f"{rank:>3}. image {index}, score {score:.4g}"
        for rank, (score, index) in enumerate(pairs, 1)
    ]


def _restored(run: Run, key: str, request: Request, device: torch.device, path: Path) -> Pictures:
    """Return test images, or training images if there are none, as an autoencoder restores them.

    A grid also shows the network's inputs and, with noise, the originals. Raises LabelError for a
    label, SampleError for other options that do not suit an autoencoder, and what
    `open_restoration`, `check_count` and `_check_room` raise.
    """
    if request.label is not None or request.conditions:
        message = f"{run.folder} trains an autoencoder, which reads no labels"
        raise LabelError(f"{message}: leave the label out")
    allowed = {"count", "seed", "out", "form", "step", "data", "device", "overwrite", "with_labels"}
    if odd := request.changed() - allowed:
        raise SampleError(
            f"{run.folder} trains an autoencoder, which restores real images: leave "
            f"{flag(min(odd))} out; -n and --seed choose the images"
        )
    count = request.count or COUNT
    found = open_restoration(run, key, request.step, request.data, request.seed or 0, device)
    check_count(count, found)
    if request.with_labels and found.labels is None:
        message = f"the images of {found.spec.data.dataset.kind} have no labels to write"
        raise SampleError(f"{message}: leave --with-labels out")
    pictures = found.rows(count) if request.chosen_form == "grid" else found.images_only(count)
    _check_room(pictures.count, pictures.shape, request, path)
    return pictures
