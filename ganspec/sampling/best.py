"""The images that a run's discriminator takes for the most real ones."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from ganspec.runs.run import RunError
from ganspec.sampling.pictures import Pictures, Progress, square
from ganspec.sampling.sampler import Sampler, trained, weights
from ganspec.systems.batches import scale_pixels
from ganspec.systems.source import Part

SPARE = 1024  # images that are held beyond those kept, so that sorting is rare


class Judge:
    """A run's discriminator, in evaluation mode."""

    def __init__(self, sampler: Sampler):
        key = sampler.spec.judges
        if key is None:
            raise RunError(f"a {sampler.spec.noun} has no network that tells the best images")
        state = weights(sampler.run, sampler.step)
        self.network, self.cfg = trained(sampler.run, key, state, sampler.device, average=False)
        self.device = sampler.device
        if self.cfg.d_conditional and sampler.labels is None:
            raise RunError(
                f"the discriminator of {sampler.spec.name} reads labels and its generator none: "
                "no image of it has a score"
            )

    def scores(self, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """Scores, N, of uint8 images as files hold them; a map of scores counts by its mean."""
        inputs = [scale_pixels(images.to(self.device), self.cfg)]
        inputs += [labels.to(self.device)] if self.cfg.d_conditional else []
        with torch.no_grad():
            scores = self.network(*inputs)
        scores = scores[0] if isinstance(scores, tuple) else scores
        return scores.flatten(1).mean(1).cpu()


def best(sampler: Sampler, count: int, among: int, seed: int, progress: Progress) -> Pictures:
    """The `count` of `among` images that look most real to the discriminator, best first."""
    judge = Judge(sampler)
    sign, held, seen = real_sign(judge.cfg), [], 0
    for images, labels in sampler.images(among, seed):
        places = torch.arange(seen, seen + len(images))
        labelled = [labels] if labels is not None else []
        held.append((judge.scores(images, labels), places, images, *labelled))
        seen += len(images)
        if sum(len(scores) for scores, *_ in held) > 2 * count + SPARE:
            held = [_highest(held, sign, count)]
        progress(seen, among)
    scores, places, images, *labels = _highest(held, sign, count)
    batches = iter([(images, labels[0] if labels else None)])
    shape = sampler.spec.data.shape
    return Pictures(batches, count, shape, square(count), scores, places)


def _highest(held: list[Part], sign: int, count: int) -> Part:
    """Of rows of scores, places and images, those with the `count` highest scores, in order."""
    columns = [torch.cat(column) for column in zip(*held, strict=True)]
    order = (sign * columns[0]).argsort(descending=True, stable=True)[:count]
    return tuple(column[order] for column in columns)


def real_sign(cfg: SimpleNamespace) -> int:
    """1 where the loss teaches the discriminator to score real images high, -1 where low."""
    low, high = (
        cfg.loss.real_loss(score, cfg.loss) - cfg.loss.fake_loss(score, cfg.loss)
        for score in (torch.tensor([0.25]), torch.tensor([0.75]))
    )
    return 1 if high < low else -1
