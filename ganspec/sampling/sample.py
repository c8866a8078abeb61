"""From a run and a request to a file of images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from ganspec.runs.run import Run, RunError
from ganspec.sampling import animation, forms
from ganspec.sampling.best import best
from ganspec.sampling.interpolation import interpolated
from ganspec.sampling.pictures import Pictures, Progress, new_images
from ganspec.sampling.request import MOST_IN_A_GRID, SUFFIXES, Request, SampleError
from ganspec.sampling.sampler import Sampler, trained, weights
from ganspec.sampling.wishes import LabelError
from ganspec.systems.autoencoder.grid import save_comparison
from ganspec.systems.feed import at
from ganspec.training.device import choose_device
from ganspec.training.images import open_images, open_test_images

COUNT = 64
PAIRS, STEPS, FRAMES = 8, 9, 30  # of an interpolation; frames where it moves
AMONG = 100  # images that each of the best is one of
FPS = 5.0


def sample(
    folder: Path | str, progress: Progress = lambda done, last: None, **options: object
) -> list[str]:
    """Write images of the run in `folder` as the options, those of Request, ask for.

    Returns what to tell of it, a line each; `progress` is told how many images of how many are
    there. Raises SampleError, RunError, CheckpointError, LabelError or OSError; nothing is
    written then.
    """
    request, run = Request(**options), Run.open(Path(folder))
    request.check()
    form, path = request.chosen_form, _target(run, request)
    if path.is_file() and request.out and not request.overwrite:
        raise SampleError(f"{path} exists: add --overwrite to replace it, or name another file")
    if request.of_training:
        fps = request.fps or FPS
        shown = animation.animate_training(run, path, form, fps, request.frames, progress)
        return [f"{path} written: {shown}"]
    spec = run.spec
    if spec.predicts:
        raise RunError(
            f"{folder} trains a classifier, which makes no images; its test is pictured "
            f"in {run.folder / 'samples'}"
        )
    if spec.restores:
        _write_restored(run, request, path)
        return [f"{path} written"]
    sampler = _sampler(run, request)
    pictures = _pictures(sampler, request, progress)
    _write(pictures, request, path, progress)
    return [f"{path} written", *_told(pictures)]


def _target(run: Run, request: Request) -> Path:
    """Where to write: `out`, or a name in the run's folder that says what it is."""
    if request.out is not None:
        return Path(request.out)
    if request.of_training:
        name = "training"
    elif request.interpolate:
        name = f"interpolation_{request.interpolate}"
    elif request.best:
        name = f"best{request.best}_of{_among(request)}"
    elif request.conditions:
        name = f"conditions_n{request.count or 1}"
    else:
        name = f"sample_n{request.count or COUNT}"
    if not request.of_training:
        name += f"_seed{request.seed or 0}"
        name += f"_truncation{request.truncation:g}" if request.truncation else ""
        name += f"_step{request.step}" if request.step is not None else ""
        name += "_raw" if request.raw else ""
    suffixes = {form: suffix for suffix, form in SUFFIXES.items()}
    return run.folder / (name + suffixes.get(request.chosen_form, ""))


def _among(request: Request) -> int:
    return request.of or AMONG * request.best


def _sampler(run: Run, request: Request) -> Sampler:
    average = False if request.raw else None
    sampler = Sampler(run.folder, choose_device(request.device), request.step, average)
    wish = str(request.conditions) if request.conditions else request.label
    if wish is not None:
        sampler.ask(wish)
    if request.with_labels and sampler.labels is None:
        raise SampleError(f"the generator of {sampler.spec.name} reads no label to write")
    if request.truncation is not None:
        sampler.truncate(request.truncation)
    return sampler


def _pictures(sampler: Sampler, request: Request, progress: Progress) -> Pictures:
    """What is asked for, drawn when it is read."""
    seed, count = request.seed or 0, request.count
    if request.interpolate:
        steps = request.frames or (FRAMES if request.moving else STEPS)
        pictures = interpolated(sampler, count or PAIRS, steps, seed, request.interpolate)
    elif request.best:
        _check_grid(request.best, request)
        return best(sampler, request.best, _among(request), seed, progress)
    elif request.conditions:
        pictures = new_images(sampler, len(sampler.labels) * (count or 1), seed)
    else:
        pictures = new_images(sampler, count or COUNT, seed)
    _check_grid(pictures.count, request)
    return pictures


def _check_grid(count: int, request: Request) -> None:
    if count > MOST_IN_A_GRID and (request.chosen_form == "grid" or request.moving):
        raise SampleError(
            f"a grid of {count:,} images is more than one looks at, {MOST_IN_A_GRID:,} at most: "
            "use -o out.npz, -o out.csv or -o out/"
        )


def _write(pictures: Pictures, request: Request, path: Path, progress: Progress) -> None:
    form = request.chosen_form
    if request.moving:
        animation.animate_way(pictures, path, form, request.fps or FPS, progress)
        return
    writers = {
        "grid": forms.write_grid,
        "folder": forms.write_folder,
        "csv": partial(forms.write_csv, with_labels=request.with_labels),
        "npz": forms.write_npz,
    }
    writers[form](pictures, path, progress)


def _told(pictures: Pictures) -> list[str]:
    """The discriminator's scores of the images that it chose, in order."""
    if pictures.scores is None:
        return []
    ranked = zip(pictures.scores.tolist(), pictures.chosen.tolist(), strict=True)
    return [
        f"{rank:>3}. image {place}, score {score:.4g}"
        for rank, (score, place) in enumerate(ranked, 1)
    ]


def _write_restored(run: Run, request: Request, path: Path) -> None:
    """What a trained autoencoder makes of test images, else of those that it was trained on."""
    if request.label is not None or request.conditions:
        raise LabelError(f"{run.folder} trains an autoencoder, which reads no labels")
    used = request.given() - {"count", "seed", "out", "form", "step", "data", "device", "overwrite"}
    if used or request.chosen_form != "grid":
        raise SampleError(
            f"{run.folder} trains an autoencoder: its images are restored ones, in a PNG grid, "
            "chosen by -n and --seed"
        )
    spec, device, count = run.spec, choose_device(request.device), request.count or COUNT
    _check_grid(count, request)
    autoencoder, cfg = trained(run, spec.restores, weights(run, request.step), device)
    data = request.data
    images, _ = open_test_images(spec.data, data, device) or open_images(spec.data, data, device)
    random = torch.Generator().manual_seed(request.seed or 0)
    order = torch.randperm(len(images), generator=random)
    save_comparison(autoencoder, at(images, order[:count]), path, cfg)
