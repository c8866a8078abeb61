"""Train small specs in double precision on 1, 2 and 3 ranks, for `test_processes.py`.

    torchrun --nproc-per-node 3 tests/ranks.py FOLDER

FOLDER has images for `streamed`. The results are written to FOLDER/1.pt, 2.pt and 3.pt: while one
process trains alone, two train together, and keep their state after half of the steps. All
three go on from that.
"""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

import ganspec
from ganspec.evaluation import extractors
from ganspec.evaluation.extractor import Extractor
from ganspec.evaluation.extractors import ExtractorChoice
from ganspec.evaluation.periodic import SharedSource
from ganspec.kinds.layer import Layer
from ganspec.kinds.loss import Loss
from ganspec.language.load import loads
from ganspec.program.ir import Call
from ganspec.sampling.interpolation import interpolated
from ganspec.sampling.sampler import Sampler
from ganspec.systems import batches, feed, helping
from ganspec.systems.autoencoder import step as autoencoder
from ganspec.systems.classifier import step as classifier
from ganspec.systems.ranks import Ranks
from ganspec.systems.vae import step as vae
from ganspec.training.images import open_all

STEPS = 4
OPEN_EXTRACTOR, SCALE_PIXELS = extractors.open_extractor, batches.scale_pixels  # before patches
SKIPPED: list = []
GAN = """
name: small
data: {dataset: {shapes: {count: COUNT}}, size: 8, flip: true}
MORE
latent: {size: 5}
optimizers: OPTIMIZERS
"""
CLASSES = "condition: {kind: classes, size: 24}"


def gan(text: str, more: str = "", count: int = 48, optimizer: str = "{adam: 0.01}") -> str:
    start = GAN.replace("COUNT", str(count)).replace("OPTIMIZERS", optimizer)
    return start.replace("MORE", more) + text


SPECS = {
    "penalty": gan(
        """
generator: {layers: [{project: [4, 4, 4]}, instance_norm, relu, upsample, {conv: 3}, tanh]}
discriminator: {layers: [{conv: {out: 4, stride: 2}}, layer_norm, leaky_relu, flatten, {linear: 1}]}
objective: {loss: wasserstein, penalty: {gradient: 10}}
train: {batch: 16, steps: {discriminator: 2}, average: 0.9, gradients: true}
"""
    ),
    # a gradient of a gradient of batch norms, slices of different lengths, a batch of one image
    "batch norm": gan(
        """
generator:
  layers: [{project: [4, 4, 4]}, batch_norm, relu, upsample, {conv: 4}, batch_norm, {conv: 3}, tanh]
discriminator:
  layers:
    - {conv: {out: 4, stride: 2}}
    - batch_norm: {statistics: batch}
    - leaky_relu
    - {dropout: 0.3}
    - noise
    - {conv: 2}
    - batch_norm: {scale: false}
    - flatten
    - {linear: 1}
objective: {loss: hinge, penalty: {r1: 5}}
train: {batch: 7, last_batch: keep, accuracy: true}
""",
        count=15,
        # Adam would make steps of the rounding errors of biases before a batch norm
        optimizer="{rmsprop: {lr: 0.01, eps: 0.1}}",
    ),
    "conditional": gan(
        """
generator:
  condition: concat
  layers: [{project: [8, 4, 4]}, class_batch_norm, relu, self_attention, upsample, {conv: 3}, tanh]
discriminator:
  normalization: spectral
  layers:
    - {conv: {out: 8, stride: 2}}
    - leaky_relu
    - {dropout: {rate: 0.3, channels: true}}
    - self_attention
    - flatten
    - auxiliary
    - projection
objective:
  {loss: non_saturating, auxiliary: {discriminator: 0, generator: 0.5}, l2: {discriminator: 0.01}}
train:
  batch: 10
  labels: random
  order: [generator, discriminator, q]
  updates: {q: {terms: [auxiliary], optimizer: {sgd: 0.1}}}
""",
        CLASSES,
    ),
    "clipped": gan(
        """
generator: {layers: [{project: [3, 8, 8]}, tanh]}
discriminator: {layers: [{conv: {out: 4, stride: 2}}, batch_norm, leaky_relu, flatten, {linear: 1}]}
objective: {loss: wasserstein, clip: 0.01}
train: {batch: 8, order: [real, fake, generator], generator_batch: 11, steps: {generator: 2}}
""",
        optimizer="{sgd: 0.1}",
    ),
    # a layer and a loss of one's own, which compare the images of a batch
    "own": gan(
        """
generator: {layers: [{project: [3, 8, 8]}, tanh]}
discriminator: {layers: [{conv: {out: 4, stride: 2}}, spread, spread_function, leaky_relu, flatten,
  {linear: 1}]}
objective: {loss: relative}
train: {batch: 8, skip: {discriminator: d_loss < 0.5 * g_loss}}
"""
    ),
    "classifier": """
name: tiny
data: {dataset: {shapes: {count: 50}}, size: 8, range: [0, 1], flip: true}
label: {kind: classes, size: 24}
classifier:
  layers: [{conv: {out: 8, stride: 2}}, batch_norm, relu, dropout, flatten, {linear: 24}]
objective: {loss: {cross_entropy: {label_smoothing: 0.1}}}
optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
train: {batch: 8}
""",
    "autoencoder": """
name: tiny
data: {dataset: {shapes: {count: 50}}, size: 8, range: [0, 1]}
autoencoder: {layers: [{conv: 4}, relu, {max_pool: 2}, upsample, {conv: 3}, sigmoid]}
objective: {loss: {binary_cross_entropy: {reads: probabilities}}, noise: {std: 0.25}}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 8}
""",
    "streamed": """
name: tiny
data: {dataset: image_folder, size: 8, range: [0, 1]}
autoencoder: {layers: [{conv: 4}, relu, {conv: 3}, sigmoid]}
objective: {loss: mean_squared_error}
optimizer: {adam: {lr: 1e-2}}
train: {batch: 7, last_batch: keep}
""",
    "vae": """
name: tiny
data: {dataset: {shapes: {count: 50}}, size: 8, range: [0, 1]}
latent: {size: 4}
encoder: {layers: [flatten, {linear: 16}, batch_norm, relu]}
decoder: {layers: [{project: [3, 8, 8]}]}
objective: {loss: binary_cross_entropy, kl: 1}
optimizer: {sgd: {lr: 1e-2}}
train: {batch: 8}
""",
}


class SpreadModule(nn.Module):
    """Adds a channel with the spread of a batch (Karras et al., 2018), and learns its size."""

    def __init__(self):
        super().__init__()
        self.size = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return add_spread(x, self.size)


def add_spread(x, size=1):
    spread = (x.var(0, unbiased=False) + 1e-4).sqrt().mean()
    return torch.cat([x, (size * spread).expand(len(x), 1, *x.shape[2:])], 1)


def define_kinds() -> None:
    """Define the kinds of the spec `own`."""

    class Spread(Layer, kind="spread"):
        """Adds the spread."""

        def call(self, x):
            return Call(SpreadModule)

    class SpreadFunction(Layer, kind="spread_function"):
        """Adds the spread."""

        def call(self, x):
            return Call(add_spread)

    class Relative(Loss, kind="relative"):
        """Scores relative to the mean of their batch."""

        real_loss = staticmethod(lambda scores, cfg: (scores - scores.mean() - 1).square().mean())
        fake_loss = staticmethod(lambda scores, cfg: (scores - scores.max() + 1).square().mean())
        generator_loss = staticmethod(lambda scores, cfg: -(scores.mean() * scores.std()))


def scale_pixels(images, cfg):
    """Scale pixels as the function of this name does, in double precision."""
    return images.double() / 255 if cfg.low == 0 else images.double() / 127.5 - 1


def prepare() -> None:
    """Let trainings compute in double precision, and read images without worker processes."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    for module in (batches, classifier, autoencoder, vae):
        module.scale_pixels = scale_pixels
    feed.read_in_workers = lambda files, plan, pin: map(files.__getitems__, plan)
    define_kinds()


def training_of(name: str, folder: Path):
    """Return the training of a spec; that of `streamed` loses a file of its images."""
    spec = loads(SPECS[name])
    if name != "streamed":
        return ganspec.Trainer(spec, device="cpu").training
    device = torch.device("cpu")
    images = open_all(spec, folder / "images", device, streamed=True)
    training = ganspec.Trainer(spec, images, "cpu").training
    path = images.images.files.files[5]
    images.images.files.files[5] = path.with_name("gone.png")
    images.images.notice = SKIPPED.extend
    return training


def train(folder: Path, kept: Path | None = None) -> dict[str, dict]:
    """Train every spec. Return losses, measures, weights and random states.

    The states after half of the steps are in the file `kept`, or are written to it.
    """
    ends, halves = {}, {}
    if kept and kept.is_file():
        halves = torch.load(kept, weights_only=True)
    for name in SPECS:
        training = training_of(name, folder)
        if name in halves:
            training.restore(halves[name])
        log = {}
        while training.step < STEPS:
            losses = training.make_step()
            log[training.step] = losses
            if training.step == STEPS // 2 and kept:
                # a copy, since the next step changes the tensors
                halves[name] = copy.deepcopy(training.state())
        with training.ranks.together():
            measures = training.measures()
        state = training.state()
        keys = ("networks", "average", "optimizers", "random")
        ends[name] = {key: state[key] for key in keys if key in state}
        ends[name] |= {"log": log, "measures": measures}
    if kept and not kept.is_file() and dist.get_rank() == 0:
        torch.save(halves, kept)
    return ends | {"skipped": sorted({each.file for each in SKIPPED})}


def together(name: str, count: int, folder: Path, kept: Path) -> None:
    """Train in the first `count` processes."""
    store = dist.PrefixStore(name, STORE)
    patience = timedelta(minutes=2)
    dist.init_process_group("gloo", store=store, rank=RANK, world_size=count, timeout=patience)
    ends = train(folder, kept)
    if RANK == 0:
        torch.save(ends, folder / f"{count}.pt")
    dist.destroy_process_group()


def extract(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return images.double().mean((2, 3)), images[:, :, 0, 0].double()


def fake_extractor(choice: ExtractorChoice, device: torch.device) -> Extractor:
    return Extractor(choice.name, "", "", "", extract, device, 3)


def draw(folder: Path, ranks: Ranks) -> list[torch.Tensor]:
    """Draw images of both runs in `folder`, one of which normalizes by the batch."""
    images = []
    for name in ("running", "batch"):
        sampler = Sampler(folder / name, torch.device("cpu"), ranks=ranks)
        images += [part for part, _ in sampler.images(200, seed=1)]
        images += [part for part, _ in interpolated(sampler, 3, 30, 2, "linear").batches]
    return images


def work_together(folder: Path) -> None:
    """Extract features of five batches, and draw images, with the help of the others."""
    device = torch.device("cpu")
    torch.set_default_dtype(torch.float32)  # as both runs were trained
    extractors.open_extractor = fake_extractor
    dist.init_process_group("gloo", store=dist.PrefixStore("help", STORE), rank=RANK, world_size=3)
    ranks = Ranks.joined()
    if not ranks.is_first:
        helping.help_others(ranks)
    else:
        pixels = torch.arange(14 * 3 * 4).to(torch.uint8).view(14, 3, 2, 2)
        extractor = extractors.open_shared(ExtractorChoice("fake"), device, ranks)
        shared = extractor.activations(iter(pixels.split(3)), 14)
        alone = replace(extractor, extract_all=None).activations(iter(pixels.split(3)), 14)
        drawn = [draw(folder, ranks), draw(folder, Ranks())]
        helping.dismiss(ranks)
        parts = [(a.features, a.logits) for a in (shared, alone)]
        torch.save(parts, folder / "features.pt")
        torch.save(drawn, folder / "drawn.pt")
    helped = score_together(folder, ranks)
    if ranks.is_first:
        torch.save(helped, folder / "helped.pt")
    dist.destroy_process_group()


def score_together(folder: Path, ranks: Ranks) -> list[int]:
    """Train with scores at epochs' ends. Return how many images each rank drew for these."""
    drawn = []
    draw = SharedSource.draw

    def counted(source, portion):
        images, *labels = draw(source, portion)
        drawn.append(len(images))
        return images, *labels

    SharedSource.draw = counted
    extractors.open_extractor, batches.scale_pixels = OPEN_EXTRACTOR, SCALE_PIXELS
    ganspec.train(folder / "scored.yaml", folder / "scored", progress=None)
    return ranks.of_all(sum(drawn))


if __name__ == "__main__":
    prepare()
    folder = Path(sys.argv[1])
    STORE, RANK, _ = next(dist.rendezvous("env://"))
    if RANK == 2:
        torch.save(train(folder), folder / "1.pt")
    else:
        together("two", 2, folder, folder / "half.pt")
    SKIPPED.clear()
    together("three", 3, folder, folder / "half.pt")
    work_together(folder)
