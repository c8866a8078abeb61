"""DCGAN on CIFAR-10 at 32 x 32, as a student's PyTorch report describes it.

Written by ganspec from the spec `dcgan_cifar32` (c6568899).
Plain PyTorch, yours to edit.
"""

import argparse
import io
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
SAMPLES = 64
COLUMNS = 8
LATENT_SIZE = 100


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
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.main(x)


# ---- Losses ----
def real_loss(scores):
    """Return the mean cross-entropy of scores of real images with their target."""
    return F.binary_cross_entropy(scores, torch.ones_like(scores))


def fake_loss(scores):
    """Return the mean cross-entropy of scores of generated images with their target."""
    return F.binary_cross_entropy(scores, torch.zeros_like(scores))


# ---- Data ----
def read_batch(file, name):
    """Read a CIFAR-10 file: pixels, uint8 N x 3 x 32 x 32, and a list of N labels."""
    # a pickle can run any code: allow only the names that make up an array
    parts = {"numpy.ndarray", "numpy.dtype", "_codecs.encode"}
    parts |= {f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")}
    parts |= {"numpy._core.numeric._frombuffer"}

    # the unpickler in Python: with the fast one, a damaged number can fill memory
    class ArrayUnpickler(pickle._Unpickler):
        def find_class(self, module, attribute):
            if f"{module}.{attribute}" not in parts:
                raise pickle.UnpicklingError(f"{name} asks for {module}.{attribute}")
            return super().find_class(module, attribute)

    batch = ArrayUnpickler(file, encoding="bytes").load()
    return batch[b"data"].reshape(-1, 3, 32, 32), batch[b"labels"]


def read_batches(folder, names):
    """Return pixels and labels by file name, from unpacked files or the archive."""
    for place in (folder, folder / "cifar-10-batches-py"):
        if all((place / name).is_file() for name in names):
            files = {name: io.BytesIO((place / name).read_bytes()) for name in names}
            return {name: read_batch(file, name) for name, file in files.items()}
    batches = {}
    # in the archive's order: looking up each file would unpack the archive again
    with tarfile.open(folder / "cifar-10-python.tar.gz") as archive:
        for member in archive:
            name = Path(member.name).name
            if name in names and member.isfile():
                batches[name] = read_batch(archive.extractfile(member), name)
    return batches


def load_images(folder):
    """Read CIFAR-10: uint8 images N x C x H x W, and labels 0 to 9, None if unused."""
    names = [f"data_batch_{i}" for i in range(1, 6)]
    batches = read_batches(Path(folder), names)
    images = torch.from_numpy(np.concatenate([batches[name][0] for name in names]))
    return images, None


# ---- Training ----
def draw_batches(images, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH):
            yield images[chosen].float() / 127.5 - 1


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches):
    """Make one iteration of training. Return its losses by name."""
    log = {}
    real = next(batches)
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

    # G: maximise log D(G(z))
    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    images = generator(latent)
    discriminator.requires_grad_(False)  # no gradients for its weights
    scores = discriminator(images)
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
    parser.add_argument("--out", type=Path, default=Path("out") / "dcgan_cifar32")
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
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(
        discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999)
    )
    fixed = torch.randn(SAMPLES, LATENT_SIZE, device=args.device)
    batches = draw_batches(images.to(args.device), args.seed)
    epoch = math.ceil(len(images) / BATCH)
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
