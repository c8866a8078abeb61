"""DCGAN on Fashion-MNIST, 28 x 28, as a student's Keras report prints it.

Written by ganspec from the spec `dcgan_fashion` (373e8dbc).
Plain PyTorch, yours to edit.
"""

import argparse
import gzip
import math
import struct
import time
import zlib
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn, optim

BATCH = 256
EPOCHS = 100
SEED = 0
SAMPLES = 64
COLUMNS = 8
LATENT_SIZE = 100


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            fill(module.weight, **options)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)


class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(z, 4 * ch * 7 * 7, bias=False),  # 12544
            nn.BatchNorm1d(4 * ch * 7 * 7, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
            nn.Unflatten(1, (4 * ch, 7, 7)),  # 256 x 7 x 7
            nn.ConvTranspose2d(4 * ch, 2 * ch, 5, padding=2, bias=False),  # 128 x 7 x 7
            nn.BatchNorm2d(2 * ch, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(2 * ch, ch, 5, 2, 1, bias=False),  # 64 x 15 x 15
            nn.ZeroPad2d((0, -1, 0, -1)),  # 64 x 14 x 14
            nn.BatchNorm2d(ch, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(ch, 1, 5, 2, 1, bias=False),  # 1 x 29 x 29
            nn.ZeroPad2d((0, -1, 0, -1)),  # 1 x 28 x 28
            nn.Tanh(),
        )
        init_keras(self)

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    """Image to score."""

    def __init__(self, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.ZeroPad2d((1, 2, 1, 2)),  # 1 x 31 x 31
            nn.Conv2d(1, ch, 5, stride=2),  # 64 x 14 x 14
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.ZeroPad2d((1, 2, 1, 2)),  # 64 x 17 x 17
            nn.Conv2d(ch, 2 * ch, 5, stride=2),  # 128 x 7 x 7
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.Flatten(),  # 6272
            nn.Linear(2 * ch * 7 * 7, 1),
        )
        init_keras(self)

    def forward(self, x):
        return self.main(x)


# ---- Losses ----
def fake_loss(scores):
    """Return the mean cross-entropy of scores of generated images with their target."""
    return F.binary_cross_entropy_with_logits(scores, torch.zeros_like(scores))


def real_loss(scores):
    """Return the mean cross-entropy of scores of real images with their target."""
    return F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))


# ---- Data ----
def find_idx(folder, name):
    """Return the path of `name` or `name`.gz in `folder`; None if neither is a file."""
    paths = (Path(folder) / name, Path(folder) / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


MEGABYTES = 2048  # largest unpacked size of a gzipped file; more could fill memory


def read_idx(folder, name, dimensions):
    """Read the IDX file `name`, plain or gzipped: uint8, with `dimensions` axes."""
    path = find_idx(folder, name)
    if path is None:
        raise FileNotFoundError(f"no {name} or {name}.gz in {folder}")
    if path.suffix == ".gz":
        try:
            with gzip.open(path) as file:
                parts = iter(lambda: file.read(2**20), b"")
                data = b"".join(islice(parts, MEGABYTES))
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is truncated or damaged: {error}") from error
    else:
        data = path.read_bytes()
    start = 4 + 4 * dimensions
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) < start:
        raise ValueError(f"{path} is not an IDX file of {dimensions}-d unsigned bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    if 0 in shape:
        raise ValueError(f"{path} has no data by its header: copy or download it again")
    if len(data) != start + math.prod(shape):
        counts = f"{len(data) - start} bytes of data, not {math.prod(shape)}"
        raise ValueError(f"{path} has {counts}: copy or download it again")
    return torch.frombuffer(bytearray(data[start:]), dtype=torch.uint8).reshape(shape)


def load_images(folder):
    """Read images, uint8 N x C x H x W, and labels 0 to 9, int64 N, None if unused."""
    prefix = "train"
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)[:, None]
    if images.shape[2:] != (28, 28):
        size = " x ".join(map(str, images.shape[2:]))
        raise ValueError(
            f"{prefix}-images-idx3-ubyte has images of {size}, not 28 x 28"
        )
    return images, None


# ---- Training ----
class AdamEpsHat(optim.Adam):
    """Adam that adds `eps` before it corrects the second moment, as TensorFlow does."""

    def step(self):
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group.setdefault("eps_hat", group["eps"]) / correction**0.5
        super().step()


def draw_batches(images, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if len(images) < BATCH:
        raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH)[: len(images) // BATCH]:
            yield images[chosen].float() / 127.5 - 1


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches):
    """Make one iteration of training. Return its losses by name."""
    log = {}
    real = next(batches)
    # G: maximise -log(1 - D(G(z)))
    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    images = generator(latent)
    discriminator.requires_grad_(False)  # no gradients for its weights
    scores = discriminator(images)
    g_loss = -fake_loss(scores)
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    discriminator.requires_grad_(True)
    log["g_loss"] = g_loss.detach()

    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    with torch.no_grad():
        fake = generator(latent)
    # D: maximise log D(x) + log(1 - D(G(z)))
    real_scores = discriminator(real)
    fake_scores = discriminator(fake)
    d_loss = real_loss(real_scores) + fake_loss(fake_scores)
    log["d_loss"] = d_loss.detach()
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    return log


def save_grid(images, path):
    """Write images, N x C x H x W, as a PNG grid; white tiles fill up its last row."""
    images = (images * 0.5 + 0.5).clamp(0, 1).mul(255).round().byte().cpu()
    tiles = F.pad(images, (2, 0, 2, 0, 0, 0, 0, -len(images) % COLUMNS), value=255)
    # axes: rows, height, columns, width, channels
    grid = tiles.unflatten(0, (-1, COLUMNS)).permute(0, 3, 1, 4, 2)
    grid = F.pad(grid.flatten(0, 1).flatten(1, 2), (0, 0, 0, 2, 0, 2), value=255)
    Image.fromarray(grid.squeeze(2).numpy()).save(path, "PNG", compress_level=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("out") / "dcgan_fashion")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()
    images, _ = load_images(args.data)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    generator = Generator().to(args.device)
    discriminator = Discriminator().to(args.device)
    networks = {"generator": generator, "discriminator": discriminator}
    g_optimizer = AdamEpsHat(generator.parameters(), lr=1e-4, eps=1e-7)
    d_optimizer = AdamEpsHat(discriminator.parameters(), lr=1e-4, eps=1e-7)
    fixed = torch.randn(SAMPLES, LATENT_SIZE, device=args.device)
    batches = draw_batches(images.to(args.device), args.seed)
    epoch = len(images) // BATCH
    last = args.epochs * epoch if args.steps is None else args.steps

    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(generator, discriminator, g_optimizer, d_optimizer, batches)
        if step % 50 == 0 or step == last:
            rate = step / (time.perf_counter() - started)
            losses = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {losses}  {rate:.3g} steps/s")
        if step % epoch == 0 or step == last:
            generator.eval()
            with torch.no_grad():
                samples = generator(fixed)
            generator.train()
            save_grid(samples, args.out / f"samples_{step:07d}.png")
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, args.out / "weights.pt")


if __name__ == "__main__":
    main()
