"""DCGAN on CIFAR-10, 32 x 32, as a student's Keras report prints it.

Written by ganspec from the spec `dcgan_keras` (3be49415). Plain PyTorch, yours to edit.
"""

import argparse
import io
import pickle
import tarfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn, optim

BATCH = 64
EPOCHS = 200
SEED = 0
SAMPLES = 64
COLUMNS = 8
LATENT_SIZE = 100
GENERATOR_BATCH = 128
ITERATIONS = 390
WARMUP = 20
THRESHOLD = 0.5


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            fill(module.weight, **options)
            nn.init.zeros_(module.bias)


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)


class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(z, 4 * ch * 4 * 4),  # 4096
            nn.Unflatten(1, (4 * ch, 4, 4)),  # 256 x 4 x 4
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(4 * ch, 2 * ch, 4, 2, 1),  # 128 x 8 x 8
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1),  # 128 x 16 x 16
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1),  # 128 x 32 x 32
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 3, 3, padding=1),  # 3 x 32 x 32
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
            nn.Conv2d(3, ch, 3, padding=1),  # 64 x 32 x 32
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 64 x 33 x 33
            nn.Conv2d(ch, 2 * ch, 3, stride=2),  # 128 x 16 x 16
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 128 x 17 x 17
            nn.Conv2d(2 * ch, 2 * ch, 3, stride=2),  # 128 x 8 x 8
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 128 x 9 x 9
            nn.Conv2d(2 * ch, 4 * ch, 3, stride=2),  # 256 x 4 x 4
            nn.LeakyReLU(0.2),
            nn.Flatten(),  # 4096
            nn.Dropout(0.4),
            nn.Linear(4 * ch * 4 * 4, 1),
            nn.Sigmoid(),
        )
        init_keras(self)

    def forward(self, x):
        return self.main(x)


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


def measure_accuracy(real_scores, fake_scores):
    """Return the shares of real and of generated images that are judged rightly."""
    real, fake = real_scores > THRESHOLD, fake_scores < THRESHOLD
    return real.float().mean(), fake.float().mean()


def train_step(step, generator, discriminator, g_optimizer, d_optimizer, batches):
    """Make one iteration of training. Return its losses by name."""
    log = {}
    real = next(batches)
    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    if step <= WARMUP:
        fake = 2 * torch.rand_like(real) - 1
    else:
        with torch.no_grad():
            fake = generator(latent)
    # D: maximise log D(x) + log(1 - D(G(z))), one term after the other
    real_scores = discriminator(real)
    d_real = F.binary_cross_entropy(real_scores, torch.ones_like(real_scores))
    d_optimizer.zero_grad()
    d_real.backward()
    d_optimizer.step()

    fake_scores = discriminator(fake)
    d_fake = F.binary_cross_entropy(fake_scores, torch.zeros_like(fake_scores))
    d_optimizer.zero_grad()
    d_fake.backward()
    d_optimizer.step()

    log["d_loss"] = d_real.detach() + d_fake.detach()
    log["d_real"], log["d_fake"] = d_real.detach(), d_fake.detach()
    log["real_accuracy"], log["fake_accuracy"] = measure_accuracy(
        real_scores, fake_scores
    )
    if step <= WARMUP:  # the generator is not trained yet
        return log

    # G: maximise log D(G(z))
    latent = torch.randn(GENERATOR_BATCH, LATENT_SIZE, device=real.device)
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
    parser.add_argument("--out", type=Path, default=Path("out") / "dcgan_keras")
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
    g_optimizer = AdamEpsHat(
        generator.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-7
    )
    d_optimizer = AdamEpsHat(
        discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-7
    )
    fixed = torch.randn(SAMPLES, LATENT_SIZE, device=args.device)
    batches = draw_batches(images.to(args.device), args.seed)
    epoch = ITERATIONS
    last = WARMUP + args.epochs * epoch if args.steps is None else args.steps

    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(
            step, generator, discriminator, g_optimizer, d_optimizer, batches
        )
        if step % 50 == 0 or step == last:
            rate = step / (time.perf_counter() - started)
            losses = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {losses}  {rate:.3g} steps/s")
        ended = step > WARMUP and (step - WARMUP) % epoch == 0
        if ended or step == last:
            generator.eval()
            with torch.no_grad():
                samples = generator(fixed)
            generator.train()
            save_grid(samples, args.out / f"samples_{step:07d}.png")
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, args.out / "weights.pt")


if __name__ == "__main__":
    main()
