"""Variational autoencoder on Fashion-MNIST (Kingma & Welling, 2014), convolutional.

Written by ganspec from the spec `vae_fashion` (549f3ea1).
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
from torch import nn

BATCH = 128
EPOCHS = 20
SEED = 0
HEIGHT = 28
WIDTH = 28
CHANNELS = 1
NUMBERS = 784
KL = 1.0
LATENT_SIZE = 20
SAMPLES = 64
COLUMNS = 8


# ---- Networks ----


class Encoder(nn.Module):
    """Image to distribution of codes."""

    def __init__(self, z=20, ch=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, ch, 4, 2, 1),  # 32 x 14 x 14
            nn.ReLU(),
            nn.Conv2d(ch, 2 * ch, 4, 2, 1),  # 64 x 7 x 7
            nn.ReLU(),
            nn.Flatten(),  # 3136
            nn.Linear(2 * ch * 7 * 7, 8 * ch),  # 256
            nn.ReLU(),
        )
        self.mean = nn.Linear(8 * ch, z)  # 20
        self.log_variance = nn.Linear(8 * ch, z)  # 20

    def forward(self, x):
        h = self.layers(x)  # 256
        return self.mean(h), self.log_variance(h)


class Decoder(nn.Module):
    """Code to image."""

    def __init__(self, z=20, ch=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(z, 8 * ch),  # 256
            nn.ReLU(),
            nn.Linear(8 * ch, 2 * ch * 7 * 7),  # 3136
            nn.Unflatten(1, (2 * ch, 7, 7)),  # 64 x 7 x 7
            nn.ReLU(),
            nn.ConvTranspose2d(2 * ch, ch, 4, 2, 1),  # 32 x 14 x 14
            nn.ReLU(),
            nn.ConvTranspose2d(ch, 1, 4, 2, 1),  # 1 x 28 x 28
        )

    def forward(self, z):
        return self.main(z)


# ---- Losses ----


def binary_cross_entropy(outputs, targets):
    """Mean binary cross-entropy of all outputs with their targets, 0 to 1."""
    return F.binary_cross_entropy_with_logits(outputs, targets)


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
    parser.add_argument("--out", type=Path, default=Path("runs") / "vae_fashion")
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
    return images.float() / 255


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
        return scale_pixels(images)


def draw_code(mean, log_variance, random):
    """Draw a code from N(mean, variance); `random` None is torch's own generator."""
    noise = torch.randn(mean.shape, generator=random, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean, log_variance):
    """Return the KL divergence of codes from N(0, 1) (Kingma & Welling, 2014, appendix B)."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()


def bound(encoder, decoder, images, random):
    """Return the loss, an image's reconstruction loss and its code's divergence."""
    mean, log_variance = encoder(images)
    outputs = decoder(draw_code(mean, log_variance, random))
    reconstruction = NUMBERS * binary_cross_entropy(outputs, images)
    kl = divergence(mean, log_variance)
    loss = reconstruction + KL * kl
    return loss, reconstruction, kl


def update(optimizer, loss):
    """One step down the gradient of `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train_step(encoder, decoder, optimizer, batches):
    """Update both networks once. Return the losses by name."""
    images = next(batches)
    loss, reconstruction, kl = bound(encoder, decoder, images, None)
    update(optimizer, loss)
    return {
        "loss": loss.detach(),
        "reconstruction": reconstruction.detach(),
        "kl": kl.detach(),
    }


def evaluate(encoder, decoder, images):
    """Return the mean loss over images that training does not see, always under the same noise."""
    random = torch.Generator(images.device).manual_seed(0)
    total = 0
    encoder.eval()
    decoder.eval()
    with torch.no_grad():
        for part in images.split(BATCH):
            loss, _, _ = bound(encoder, decoder, scale_pixels(part), random)
            total = total + len(part) * loss
    encoder.train()
    decoder.train()
    return {"test_loss": total / len(images)}


def decode(decoder, codes):
    """Return the images that the decoder makes of codes."""
    decoder.eval()
    with torch.no_grad():
        images = decoder(codes)
    decoder.train()
    return images.sigmoid()


def save_grid(images, path, columns):
    """Write images (n x channels x height x width) as one PNG, row by row, on white."""
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


def train(images, test_images, out, epochs, steps, seed, device):
    """Train on uint8 images, N x C x H x W; samples and weights each epoch."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(seed)
    encoder = Encoder().to(device)
    decoder = Decoder().to(device)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
    fixed = draw_latent(SAMPLES, device)
    test_images = test_images.to(device)
    batches = Batches(images.to(device), seed)
    epoch = len(batches)
    last = steps or epochs * epoch

    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(encoder, decoder, optimizer, batches)
        ended = step % epoch == 0 or step == last
        if ended:
            log.update(evaluate(encoder, decoder, test_images))
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(
                f"{name} {value.item():.4f}" for name, value in log.items()
            )
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            samples = decode(decoder, fixed)
            save_grid(samples, out / f"samples_{step:07d}.png", COLUMNS)
            weights = {"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}
            torch.save(weights, out / "weights.pt")


def main():
    args = parse_arguments()
    folder = args.data
    size = (HEIGHT, WIDTH, CHANNELS)
    images, _ = load_images(folder, *size)
    test_images, _ = load_images(folder, *size, split="test")
    options = (args.out, args.epochs, args.steps, args.seed, args.device)
    train(images, test_images, *options)


if __name__ == "__main__":
    main()
