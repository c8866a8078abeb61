"""Conditional GAN on Fashion-MNIST, 28 x 28, as a student's Keras report describes it.

Written by ganspec from the spec `cgan_fashion` (eaec9b11).
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

BATCH = 64
EPOCHS = 100
SEED = 0
LABEL_SIZE = 10
SAMPLES = 80
COLUMNS = 10
LATENT_SIZE = 100
GENERATOR_BATCH = 128
ITERATIONS = 468


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            fill(module.weight, **options)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            init_weights(module, nn.init.uniform_, a=-0.05, b=0.05)


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


def read_labels(folder, prefix, count):
    """Read the labels of `count` images, 0 to 9, int64."""
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte", 1)
    if count != len(labels):
        raise ValueError(f"{prefix}: {count} images but {len(labels)} labels")
    return labels.long()


def load_images(folder):
    """Read images, uint8 N x C x H x W, and labels 0 to 9, int64 N, None if unused."""
    prefix = "train"
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)[:, None]
    labels = read_labels(folder, prefix, len(images))
    if images.shape[2:] != (28, 28):
        size = " x ".join(map(str, images.shape[2:]))
        raise ValueError(
            f"{prefix}-images-idx3-ubyte has images of {size}, not 28 x 28"
        )
    return images, labels


# ---- Training ----
class AdamEpsHat(optim.Adam):
    """Adam that adds `eps` before it corrects the second moment, as TensorFlow does."""

    def step(self):
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group.setdefault("eps_hat", group["eps"]) / correction**0.5
        super().step()


def draw_batches(images, labels, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if len(images) < BATCH:
        raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH)[: len(images) // BATCH]:
            yield images[chosen].float() / 127.5 - 1, labels[chosen]


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches, pool):
    """Make one iteration of training. Return its losses by name."""
    log = {}
    real, labels = next(batches)
    fake_labels = pool[torch.randint(len(pool), (len(real),), device=pool.device)]
    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    with torch.no_grad():
        fake = generator(latent, fake_labels)
    # D: maximise log D(x) + log(1 - D(G(z))), one term after the other
    real_scores = discriminator(real, labels)
    d_real = F.binary_cross_entropy(real_scores, torch.ones_like(real_scores))
    d_optimizer.zero_grad()
    d_real.backward()
    d_optimizer.step()

    fake_scores = discriminator(fake, fake_labels)
    d_fake = F.binary_cross_entropy(fake_scores, torch.zeros_like(fake_scores))
    d_optimizer.zero_grad()
    d_fake.backward()
    d_optimizer.step()

    log["d_loss"] = d_real.detach() + d_fake.detach()
    log["d_real"], log["d_fake"] = d_real.detach(), d_fake.detach()

    # G: maximise log D(G(z))
    latent = torch.randn(GENERATOR_BATCH, LATENT_SIZE, device=real.device)
    fake_labels = pool[torch.randint(len(pool), (GENERATOR_BATCH,), device=pool.device)]
    images = generator(latent, fake_labels)
    discriminator.requires_grad_(False)  # no gradients for its weights
    scores = discriminator(images, fake_labels)
    g_loss = F.binary_cross_entropy(scores, torch.ones_like(scores))
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    discriminator.requires_grad_(True)
    log["g_loss"] = g_loss.detach()
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
    parser.add_argument("--out", type=Path, default=Path("out") / "cgan_fashion")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()
    images, labels = load_images(args.data)
    labels = labels.to(args.device)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    generator = Generator().to(args.device)
    discriminator = Discriminator().to(args.device)
    networks = {"generator": generator, "discriminator": discriminator}
    g_optimizer = AdamEpsHat(
        generator.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-7
    )
    d_optimizer = AdamEpsHat(
        discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-7
    )
    fixed = torch.randn(SAMPLES, LATENT_SIZE, device=args.device)
    fixed_labels = torch.arange(SAMPLES, device=labels.device) % LABEL_SIZE
    batches = draw_batches(images.to(args.device), labels, args.seed)
    epoch = ITERATIONS
    last = args.epochs * epoch if args.steps is None else args.steps

    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(
            generator, discriminator, g_optimizer, d_optimizer, batches, labels
        )
        if step % 50 == 0 or step == last:
            rate = step / (time.perf_counter() - started)
            losses = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {losses}  {rate:.3g} steps/s")
        if step % epoch == 0 or step == last:
            generator.eval()
            with torch.no_grad():
                samples = generator(fixed, fixed_labels)
            generator.train()
            save_grid(samples, args.out / f"samples_{step:07d}.png")
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, args.out / "weights.pt")


if __name__ == "__main__":
    main()
