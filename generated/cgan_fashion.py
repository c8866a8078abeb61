"""Conditional GAN on Fashion-MNIST, 28 x 28, as a student's Keras report describes it.

Written by ganspec from the spec `cgan_fashion` (01624a28).
Plain PyTorch, yours to edit.
"""

import argparse
import gzip
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn, optim

BATCH = 64
EPOCHS = 100
SEED = 0
HEIGHT = 28
WIDTH = 28
CHANNELS = 1
LABEL_SIZE = 10
SAMPLES = 80
COLUMNS = 10
REAL_TARGET = 1.0
FAKE_TARGET = 0.0
GENERATOR_TARGET = 1.0
LATENT_SIZE = 100
GENERATOR_BATCH = 128
ITERATIONS = 468


# ---- Networks ----


def weights_and_biases(network):
    """Weights and biases of convs, linear layers and embeddings, which have no bias.

    Under a spectral norm, the weight that it divides.
    """
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
    for module in network.modules():
        if isinstance(module, kinds):
            wrapped = getattr(module, "parametrizations", None)
            weight = wrapped.weight.original if wrapped else module.weight
            yield weight, getattr(module, "bias", None)


def init_xavier(network, fill=nn.init.xavier_uniform_, gain=1.0):
    """Draw weights scaled by their fan (Glorot & Bengio, 2010) and set biases to 0."""
    for weight, bias in weights_and_biases(network):
        fill(weight, gain=gain)
        if bias is not None:
            nn.init.zeros_(bias)


def init_keras(network):
    """Draw weights scaled by their fan, embeddings within 0.05, and set biases to 0."""
    init_xavier(network)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            for weight, _ in weights_and_biases(module):
                nn.init.uniform_(weight, -0.05, 0.05)


class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=128):
        super().__init__()
        self.layers1 = nn.Sequential(
            nn.Linear(z, ch * 7 * 7),  # 6272
            nn.Unflatten(1, (ch, 7, 7)),  # 128 x 7 x 7
            nn.LeakyReLU(0.2),
        )
        self.label = nn.Sequential(
            nn.Embedding(10, 50),
            nn.Linear(50, 49),
            nn.Unflatten(1, (1, 7, 7)),  # 1 x 7 x 7
        )
        self.layers2 = nn.Sequential(
            nn.ConvTranspose2d(ch + 1, ch, 4, 2, 1),  # 128 x 14 x 14
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(ch, ch, 4, 2, 1),  # 128 x 28 x 28
            nn.LeakyReLU(0.2),
            nn.Conv2d(ch, 1, 7, padding=3),  # 1 x 28 x 28
            nn.Tanh(),
        )
        init_keras(self)

    def forward(self, z, y):
        h = torch.cat([self.layers1(z), self.label(y)], dim=1)  # 129 x 7 x 7
        return self.layers2(h)


class Discriminator(nn.Module):
    """Image to score."""

    def __init__(self, ch=128):
        super().__init__()
        self.label = nn.Sequential(
            nn.Embedding(10, 50),
            nn.Linear(50, 784),
            nn.Unflatten(1, (1, 28, 28)),  # 1 x 28 x 28
        )
        self.layers = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)),  # 2 x 29 x 29
            nn.Conv2d(2, ch, 3, stride=2),  # 128 x 14 x 14
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 128 x 15 x 15
            nn.Conv2d(ch, ch, 3, stride=2),  # 128 x 7 x 7
            nn.LeakyReLU(0.2),
            nn.Flatten(),  # 6272
            nn.Dropout(0.4),
            nn.Linear(ch * 7 * 7, 1),
            nn.Sigmoid(),
        )
        init_keras(self)

    def forward(self, x, y):
        h = torch.cat([x, self.label(y)], dim=1)  # 2 x 28 x 28
        return self.layers(h)


# ---- Losses ----


def cross_entropy(scores, target):
    """Mean binary cross-entropy of scores with one target for all of them."""
    targets = torch.full_like(scores, target)
    return F.binary_cross_entropy(scores, targets)


def real_loss(scores):
    """Cross-entropy of D(x) towards real."""
    return cross_entropy(scores, REAL_TARGET)


def fake_loss(scores):
    """Cross-entropy of D(G(z)) towards fake."""
    return cross_entropy(scores, FAKE_TARGET)


def generator_loss(scores):
    """Cross-entropy of D(G(z)) towards real: maximises log D(G(z))."""
    return cross_entropy(scores, GENERATOR_TARGET)


# ---- Data ----


def find_idx(folder, name):
    """Path of the IDX file `name` in `folder`, plain or gzipped, or None."""
    paths = (Path(folder) / name, Path(folder) / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


def read_idx(folder, name, dimensions):
    """Unsigned bytes of the IDX file `name`, plain or gzipped, as a uint8 tensor."""
    path = find_idx(folder, name)
    if path is None:
        raise FileNotFoundError(f"no {name} or {name}.gz in {folder}")
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is truncated or damaged: {error}") from error
    start = 4 + 4 * dimensions
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) < start:
        raise ValueError(f"{path} is not an IDX file of {dimensions}-d unsigned bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    size = int(np.prod(shape, dtype=object))
    if len(data) != start + size:
        raise ValueError(f"{path} holds {len(data) - start} of {size} bytes")
    return torch.from_numpy(
        np.frombuffer(data, np.uint8, size, start).reshape(shape).copy()
    )


def read_idx_split(folder, split):
    """Images, uint8 N x 1 x H x W, and labels, int64 N, of split `train` or `test`."""
    prefix = {"train": "train", "test": "t10k"}[split]
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise ValueError(f"{folder} has {len(images)} images but {len(labels)} labels")
    return images[:, None], labels.long()


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
    """Fashion-MNIST: images, uint8 N x C x H x W, and labels 0 to 9, int64 N."""
    images, labels = read_idx_split(folder, split)
    return fit_images(images, height, width, channels, resize), labels


# ---- Training ----


def parse_arguments():
    """What the command line says, and what holds where it is silent."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("runs") / "cgan_fashion")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="stop after so many steps instead")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    return parser.parse_args()


class AdamEpsHat(optim.Adam):
    """Adam with `eps` added before the second moment is corrected for its start at 0.

    The order of computation at the end of section 2 of Kingma & Ba (2015).
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)
        for group in self.param_groups:
            group.update(eps_hat=eps, count=0)

    def step(self):
        for group in self.param_groups:
            group["count"] += 1
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group["eps_hat"] / correction**0.5
        super().step()


def draw_latent(count, device):
    """Random inputs of the generator, count x latent size."""
    return torch.randn(count, LATENT_SIZE, device=device)


def sample_labels(labels):
    """The labels of a grid's images."""
    return torch.arange(SAMPLES, device=labels.device) % LABEL_SIZE


def scale_pixels(images):
    """Pixels from 0 to 255 in the range that the networks read."""
    return images.float() / 127.5 - 1


class Batches:
    """Endless batches of real images, in a new random order each epoch.

    Images stay uint8 on their device; a batch is an index into them, made float.
    """

    def __init__(self, images, labels, seed):
        self.images = images
        self.labels = labels
        self.random = torch.Generator().manual_seed(seed)
        self.position = len(self)
        if len(self) == 0:
            raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")

    def __len__(self):
        return len(self.images) // BATCH

    def __next__(self):
        if self.position == len(self):
            self.order = torch.randperm(len(self.images), generator=self.random)
            self.order = self.order.to(self.images.device)
            self.position = 0
        start = self.position * BATCH
        self.position += 1
        chosen = self.order[start : start + BATCH]
        images = self.images[chosen]
        labels = self.labels[chosen]
        return scale_pixels(images), labels


def count_steps(batches):
    """Iterations in an epoch."""
    return ITERATIONS


def draw_labels(labels, count):
    """Of all labels, those of `count` random images."""
    return labels[torch.randint(len(labels), (count,), device=labels.device)]


def update(optimizer, loss):
    """One step down the gradient of `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train_discriminator_apart(
    discriminator, optimizer, real, labels, fake, fake_labels
):
    """Two updates: on real images, then on generated ones; losses by name."""
    real_scores = discriminator(real, labels)
    d_real = real_loss(real_scores)
    update(optimizer, d_real)

    fake_scores = discriminator(fake, fake_labels)
    d_fake = fake_loss(fake_scores)
    update(optimizer, d_fake)

    d_real, d_fake = d_real.detach(), d_fake.detach()
    log = {"d_loss": d_real + d_fake, "d_real": d_real, "d_fake": d_fake}
    return log


def train_generator(generator, discriminator, optimizer, latent, labels):
    """Raise the scores of generated images; the loss.

    The discriminator only passes gradients on.
    """
    discriminator.requires_grad_(False)
    fake = generator(latent, labels)
    scores = discriminator(fake, labels)
    g_loss = generator_loss(scores)
    update(optimizer, g_loss)
    discriminator.requires_grad_(True)
    return g_loss.detach()


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches):
    """One iteration; its losses by name, without waiting for the device."""
    real, labels = next(batches)
    fake_labels = draw_labels(batches.labels, len(real))
    latent = draw_latent(len(real), real.device)
    with torch.no_grad():
        fake = generator(latent, fake_labels)
    log = train_discriminator_apart(
        discriminator, d_optimizer, real, labels, fake, fake_labels
    )

    count = GENERATOR_BATCH
    latent = draw_latent(count, real.device)
    fake_labels = draw_labels(batches.labels, count)
    log["g_loss"] = train_generator(
        generator, discriminator, g_optimizer, latent, fake_labels
    )
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


def save_samples(generator, fixed, fixed_labels, path):
    """A grid of what the generator makes of latents that stay the same."""
    generator.eval()
    with torch.no_grad():
        images = generator(fixed, fixed_labels)
    generator.train()
    save_grid(images, path, COLUMNS)


def train(images, labels, out, epochs, steps, seed, device):
    """Train on uint8 images, N x C x H x W; samples and weights each epoch."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(seed)
    generator = Generator().to(device)
    discriminator = Discriminator().to(device)
    g_optimizer = AdamEpsHat(
        generator.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-7
    )
    d_optimizer = AdamEpsHat(
        discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-7
    )
    fixed = draw_latent(SAMPLES, device)
    labels = labels.to(device)
    fixed_labels = sample_labels(labels)
    batches = Batches(images.to(device), labels, seed)
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
            save_samples(generator, fixed, fixed_labels, path)
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, out / "weights.pt")


def main():
    args = parse_arguments()
    folder = args.data
    images, labels = load_images(folder, HEIGHT, WIDTH, CHANNELS, resize="bilinear")
    train(images, labels, args.out, args.epochs, args.steps, args.seed, args.device)


if __name__ == "__main__":
    main()
