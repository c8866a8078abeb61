"""WGAN on CIFAR-10 at 32 x 32, as a student's PyTorch report describes it.

Written by ganspec from the spec `wgan_cifar32` (e88b3a5a).
Plain PyTorch, yours to edit.
"""

import argparse
import math
import pickle
import tarfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

BATCH = 128
EPOCHS = 100
SEED = 0
HEIGHT = 32
WIDTH = 32
CHANNELS = 3
SAMPLES = 64
COLUMNS = 8
CLIP = 0.01
LATENT_SIZE = 100
DISCRIMINATOR_STEPS = 5


# ---- Networks ----


class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(z, 4 * ch * 4 * 4),  # 4096
            nn.Unflatten(1, (4 * ch, 4, 4)),  # 256 x 4 x 4
            nn.BatchNorm2d(4 * ch),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(4 * ch, 2 * ch, 4, 2, 1),  # 128 x 8 x 8
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1),  # 128 x 16 x 16
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1),  # 128 x 32 x 32
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 3, 3, padding=1),  # 3 x 32 x 32
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    """Image to score."""

    def __init__(self, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ch, 3, padding=1),  # 64 x 32 x 32
            nn.LeakyReLU(0.2),
            nn.Conv2d(ch, 2 * ch, 3, 2, 1),  # 128 x 16 x 16
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 2 * ch, 3, 2, 1),  # 128 x 8 x 8
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 4 * ch, 3, 2, 1),  # 256 x 4 x 4
            nn.BatchNorm2d(4 * ch),
            nn.LeakyReLU(0.2),
            nn.Flatten(),  # 4096
            nn.Linear(4 * ch * 4 * 4, 1),
        )

    def forward(self, x):
        return self.main(x)


# ---- Losses ----


def real_loss(scores):
    """The critic's loss on real images: their mean score, signed."""
    return -scores.mean()


def fake_loss(scores):
    """The same on generated images, with the opposite sign."""
    return scores.mean()


def generator_loss(scores):
    """Generated images' mean score, with the sign of real ones."""
    return -scores.mean()


# ---- Data ----


def batch_names(split):
    """File names of the batches of the split `train` or `test`."""
    train = [f"data_batch_{i}" for i in range(1, 6)]
    return {"train": train, "test": ["test_batch"]}[split]


def read_batch(file, name):
    """Pixels, uint8 N x 3 x 32 x 32, and labels of a CIFAR-10 batch.

    A pickle can run any program, so this one may name only the parts of an array.
    """
    allowed = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
        ("_codecs", "encode"),
    }

    class ArrayUnpickler(pickle.Unpickler):
        def find_class(self, module, attribute):
            if (module, attribute) not in allowed:
                raise pickle.UnpicklingError(f"{name} asks for {module}.{attribute}")
            return super().find_class(module, attribute)

    try:
        batch = ArrayUnpickler(file, encoding="bytes").load()
    except Exception as error:  # of a damaged file, almost any
        error.add_note(f"while reading {name}")
        raise
    try:
        pixels, labels = batch[b"data"], batch[b"labels"]
        if pixels.dtype != np.uint8 or len(pixels) != len(labels):
            raise ValueError(
                f"{len(pixels)} {pixels.dtype} images, {len(labels)} labels"
            )
        return pixels.reshape(len(labels), 3, 32, 32), labels
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name} is not a CIFAR-10 batch: {error}") from error


def read_batches(folder, names):
    """The named batches of a CIFAR-10 folder, or of the archive in it, by name."""
    folder, batches = Path(folder), {}
    for place in (folder, folder / "cifar-10-batches-py"):
        if all((place / name).is_file() for name in names):
            for name in names:
                with open(place / name, "rb") as file:
                    batches[name] = read_batch(file, name)
            return batches
    # one pass in the archive's own order: to seek in it is to unpack it again
    with tarfile.open(folder / "cifar-10-python.tar.gz") as archive:
        for member in archive:
            name = Path(member.name).name
            if name in names and member.isfile():
                batches[name] = read_batch(archive.extractfile(member), name)
    if missing := set(names) - set(batches):
        raise ValueError(f"{archive.name} lacks {', '.join(sorted(missing))}")
    return batches


def grey_images(images):
    """ITU-R 601 luma of uint8 N x 3 x H x W as uint8 N x 1 x H x W, equal to PIL's."""
    red, green, blue = images.int().unbind(1)
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return luma.to(torch.uint8)[:, None]


def blend_pixels(images, axis, size):
    """Images, float, resized along `axis`: pixel i is read at i * before / size."""
    before = images.shape[axis]
    place = torch.arange(size) * (before / size)
    first = place.long()
    second = (first + 1).clamp(max=before - 1)
    share = (place - first).reshape(-1, *[1] * (images.ndim - 1 - axis))
    first, second = images.index_select(axis, first), images.index_select(axis, second)
    return first.lerp(second, share)


def resize_images(images, height, width, resize):
    """Images, uint8 N x C x H x W, resized bilinearly as `resize` says.

    `antialias`: from all pixels that a smaller one covers, as PIL and torchvision do.
    `bilinear`: from the four nearest alone, as OpenCV, TensorFlow 2 and torch do.
    `tensorflow1`: so too, but half a pixel off, as TensorFlow 1's `tf.image`.
    The result is rounded, which TensorFlow's own is not.
    """
    if images.shape[2:] == (height, width):
        return images
    images = images.float()
    if resize == "tensorflow1":
        images = blend_pixels(blend_pixels(images, 3, width), 2, height)
    else:
        smooth = {"antialias": True, "bilinear": False}[resize]
        size = (height, width)
        images = F.interpolate(images, size, mode="bilinear", antialias=smooth)
    return images.round().clamp(0, 255).to(torch.uint8)


def fit_images(images, height, width, channels, resize="antialias"):
    """Images, uint8 N x C x H x W, made grey or colour and resized."""
    if images.shape[1:] == (channels, height, width):
        return images
    fitted = images.new_empty(len(images), channels, height, width)
    # in parts, so that the float copies stay small: half the time, and memory to spare
    for part, out in zip(images.split(250), fitted.split(250), strict=True):
        if channels < part.shape[1]:
            part = grey_images(part)
        # a grey channel is repeated three times
        out.copy_(resize_images(part, height, width, resize))
    return fitted


def load_images(folder, height, width, channels, split="train", resize="antialias"):
    """CIFAR-10: images, uint8 N x C x H x W, and labels 0 to 9, int64 N."""
    names = batch_names(split)
    batches = read_batches(folder, names)
    images = np.concatenate([batches[name][0] for name in names])
    labels = np.concatenate([batches[name][1] for name in names])
    images = fit_images(torch.from_numpy(images), height, width, channels, resize)
    return images, torch.from_numpy(labels).long()


# ---- Training ----


def parse_arguments():
    """What the command line says, and what holds where it is silent."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("runs") / "wgan_cifar32")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="stop after so many steps instead")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    return parser.parse_args()


def draw_latent(count, device):
    """Random inputs of the generator, count x latent size."""
    return torch.randn(count, LATENT_SIZE, device=device)


def scale_pixels(images):
    """Pixels from 0 to 255 in the range that the networks read."""
    return images.float() / 127.5 - 1


class Batches:
    """Endless batches of real images, in a new random order each epoch.

    Images stay uint8 on their device; a batch is an index into them, made float.
    """

    def __init__(self, images, seed):
        self.images = images
        self.random = torch.Generator().manual_seed(seed)
        self.position = len(self)
        if len(self) == 0:
            raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")

    def __len__(self):
        return math.ceil(len(self.images) / BATCH)

    def __next__(self):
        if self.position == len(self):
            self.order = torch.randperm(len(self.images), generator=self.random)
            self.order = self.order.to(self.images.device)
            self.position = 0
        start = self.position * BATCH
        self.position += 1
        chosen = self.order[start : start + BATCH]
        images = self.images[chosen]
        return scale_pixels(images)


def count_steps(batches):
    """Iterations in an epoch."""
    return max(1, len(batches) // DISCRIMINATOR_STEPS)


def update(optimizer, loss):
    """One step down the gradient of `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def clip_weights(network, bound):
    """Keep every weight within -bound and bound."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.clamp_(-bound, bound)


def train_discriminator(discriminator, optimizer, real, fake):
    """Raise real images' scores, lower generated ones'; losses by name."""
    real_scores = discriminator(real)
    fake_scores = discriminator(fake)
    d_loss = real_loss(real_scores) + fake_loss(fake_scores)

    log = {"d_loss": d_loss.detach()}
    update(optimizer, d_loss)
    clip_weights(discriminator, CLIP)
    return log


def train_generator(generator, discriminator, optimizer, latent):
    """Raise the scores of generated images; the loss.

    The discriminator only passes gradients on.
    """
    discriminator.requires_grad_(False)
    fake = generator(latent)
    scores = discriminator(fake)
    g_loss = generator_loss(scores)
    update(optimizer, g_loss)
    discriminator.requires_grad_(True)
    return g_loss.detach()


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches):
    """One iteration; its losses by name, without waiting for the device."""
    for _ in range(DISCRIMINATOR_STEPS):
        real = next(batches)
        latent = draw_latent(len(real), real.device)
        with torch.no_grad():
            fake = generator(latent)
        log = train_discriminator(discriminator, d_optimizer, real, fake)

    count = len(real)
    latent = draw_latent(count, real.device)
    log["g_loss"] = train_generator(generator, discriminator, g_optimizer, latent)
    return log


def save_grid(images, path, columns):
    """Write images (n x channels x height x width) as one PNG, row by row, on white."""
    images = images * 0.5 + 0.5
    images = images.clamp(0, 1).mul(255).round().byte().cpu()
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    grid = torch.full(
        (channels, rows * (height + 2) + 2, columns * (width + 2) + 2), 255
    )
    for i, image in enumerate(images):
        top, left = i // columns * (height + 2) + 2, i % columns * (width + 2) + 2
        grid[:, top : top + height, left : left + width] = image
    pixels = grid.byte().permute(1, 2, 0).squeeze(2).numpy()
    Image.fromarray(pixels).save(path, format="PNG")


def save_samples(generator, fixed, path):
    """A grid of what the generator makes of latents that stay the same."""
    generator.eval()
    with torch.no_grad():
        images = generator(fixed)
    generator.train()
    save_grid(images, path, COLUMNS)


def train(images, out, epochs, steps, seed, device):
    """Train on uint8 images, N x C x H x W; samples and weights each epoch."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(seed)
    generator = Generator().to(device)
    discriminator = Discriminator().to(device)
    g_optimizer = torch.optim.RMSprop(generator.parameters(), lr=5e-5)
    d_optimizer = torch.optim.RMSprop(discriminator.parameters(), lr=5e-5)
    fixed = draw_latent(SAMPLES, device)
    batches = Batches(images.to(device), seed)
    epoch = count_steps(batches)
    total = epochs * epoch
    last = steps or total

    networks = {"generator": generator, "discriminator": discriminator}
    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(generator, discriminator, g_optimizer, d_optimizer, batches)
        if step % 50 == 0 or step == last:
            rate = step / (time.perf_counter() - started)
            losses = "  ".join(
                f"{name} {value.item():.4f}" for name, value in log.items()
            )
            print(f"step {step}/{last}  {losses}  {rate:.3g} steps/s")
        ended = step % epoch == 0
        if ended or step == last:
            path = out / f"samples_{step:07d}.png"
            save_samples(generator, fixed, path)
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, out / "weights.pt")


def main():
    args = parse_arguments()
    folder = args.data
    images, _ = load_images(folder, HEIGHT, WIDTH, CHANNELS)
    train(images, args.out, args.epochs, args.steps, args.seed, args.device)


if __name__ == "__main__":
    main()
