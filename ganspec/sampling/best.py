"""Choose the images that a run's discriminator scores as most real."""

from __future__ import annotations

import torch

from ganspec.runs.run import RunError
from ganspec.sampling.pictures import OnProgress, Pictures, Ranking, square
from ganspec.sampling.sampler import Sampler, trained_network
from ganspec.systems.batches import scale_pixels
from ganspec.systems.gan.settings import real_sign
from ganspec.systems.room import require_memory
from ganspec.systems.source import Part, own_batch, whole

SPARE = 1024  # more images than the best are kept in memory, so that they are rarely sorted


class Judge:
    """A run's discriminator in evaluation mode, which scores the images that the run draws.

    Raises RunError if the run has no discriminator, or one that reads labels while the images have
    none, and CheckpointError if the weights do not fit it.
    """

    def __init__(self, sampler: Sampler):
        key = sampler.spec.judges
        if key is None:
            raise RunError(
                f"a {sampler.spec.noun} has no network that scores images: leave --best out"
            )
        self.device = sampler.device
        self.network, self.cfg = trained_network(sampler.run, key, sampler.weights, self.device)
        self.own_batch = own_batch(self.network, self.cfg)
        if self.cfg.d_conditional and sampler.labels is None:
            raise RunError(
                f"the discriminator of {sampler.spec.name} reads labels, but its generator draws "
                "images without labels, so they have no scores: leave --best out"
            )

    def scores(self, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """Return a score for each image, float N; the mean if the network makes a map of scores.

        `images` are uint8 N x C x H x W. `labels` are read only if the network is conditional.
        """
        inputs = [scale_pixels(images.to(self.device), self.cfg)]
        if self.cfg.d_conditional:
            assert labels is not None  # checked in `__init__`
            inputs.append(labels.to(self.device))
        with torch.no_grad():
            scores = self.network(*inputs)
        scores = scores[0] if isinstance(scores, tuple) else scores
        return scores.flatten(1).mean(1).cpu()


def best(sampler: Sampler, count: int, among: int, seed: int, on_progress: OnProgress) -> Pictures:
    """Draw `among` images. Return the `count` that the discriminator scores as most real.

    The best image is the first. Raises what `Judge` raises, and RoomError if the best images do not
    fit into memory.
    """
    require_memory(count, sampler.spec.data.shape)
    judge = Judge(sampler)
    sign, done = real_sign(judge.cfg.loss), 0
    parts: list[Part] = []  # scores, indices, images and, if there are any, labels
    # a discriminator that normalizes by the batch scores whole batches, as it was trained on
    for images, labels in sampler.images(whole(among, judge.own_batch), seed, judge.own_batch):
        indices = torch.arange(done, done + len(images))
        label_column = [labels] if labels is not None else []
        part = (judge.scores(images, labels), indices, images, *label_column)
        parts.append(tuple(column[: among - done] for column in part))
        done += len(parts[-1][0])
        if sum(len(scores) for scores, *_ in parts) > 2 * count + SPARE:
            parts = [_highest(parts, sign, count)]
        on_progress(done, among)
    scores, indices, images, *label_column = _highest(parts, sign, count)
    return Pictures(
        batches=iter([(images, label_column[0] if label_column else None)]),
        count=count,
        shape=sampler.spec.data.shape,
        columns=square(count),
        ranking=Ranking(scores, indices),
    )


def _highest(parts: list[Part], sign: int, count: int) -> Part:
    """Return the `count` rows with the highest scores, or the lowest if `sign` is -1, best first.

    Parts are tuples of columns, of which the first one has the scores.
    """
    columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    order = (sign * columns[0]).argsort(descending=True, stable=True)[:count]
    return tuple(column[order] for column in columns)
