"""DCGAN on CIFAR-10 at 64 x 64, as a student's TensorFlow 1 report ran it.

Written by ganspec from the spec `dcgan_cifar64` (fd3b7b9c).
Plain PyTorch, yours to edit.
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
EPOCHS = 100
SEED = 0
SAMPLES = 64
COLUMNS = 8
D_SCALE = 0.5
LATENT_SIZE = 100
EPS = 1e-12


# ---- Networks ----
class CenteredBatchNorm(nn.BatchNorm2d):
    """Batch normalization of maps or vectors that learns a bias and no gain."""

    def __init__(self, channels, eps=1e-5, momentum=0.1, track_running_stats=True):
        super().__init__(channels, eps, momentum, False, track_running_stats)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        # without a gain, torch computes no gradient of the bias on a GPU
        gain = torch.ones_like(self.bias)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            gain,
            self.bias,
            self.training or self.running_mean is None,
            self.momentum,
            self.eps,
        )

    def _check_input_dim(self, x):
        pass  # vectors too


def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            fill(module.weight, **options)
            nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(z, 8 * ch * 4 * 4),  # 8192
            nn.ReLU(),
            nn.Dropout(0),
            CenteredBatchNorm(8 * ch * 4 * 4, eps=1e-3, track_running_stats=False),
            nn.Unflatten(1, (8 * ch, 4, 4)),  # 512 x 4 x 4
            nn.ConvTranspose2d(8 * ch, 4 * ch, 5, 2, 1),  # 256 x 9 x 9
            nn.ZeroPad2d((0, -1, 0, -1)),  # 256 x 8 x 8
            nn.ReLU(),
            nn.Dropout(0),
            CenteredBatchNorm(4 * ch, eps=1e-3, track_running_stats=False),
            nn.ConvTranspose2d(4 * ch, 2 * ch, 5, 2, 1),  # 128 x 17 x 17
            nn.ZeroPad2d((0, -1, 0, -1)),  # 128 x 16 x 16
            nn.ReLU(),
            nn.Dropout(0),
            CenteredBatchNorm(2 * ch, eps=1e-3, track_running_stats=False),
            nn.ConvTranspose2d(2 * ch, ch, 5, 2, 1),  # 64 x 33 x 33
            nn.ZeroPad2d((0, -1, 0, -1)),  # 64 x 32 x 32
            nn.ReLU(),
            nn.Dropout(0),
            CenteredBatchNorm(ch, eps=1e-3, track_running_stats=False),
            nn.ConvTranspose2d(ch, 3, 5, 2, 1),  # 3 x 65 x 65
            nn.ZeroPad2d((0, -1, 0, -1)),  # 3 x 64 x 64
            nn.Tanh(),
        )
        init_weights(self, fill=nn.init.xavier_uniform_)

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    """Image to score."""

    def __init__(self, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.ZeroPad2d((1, 2, 1, 2)),  # 3 x 67 x 67
            nn.Conv2d(3, ch, 5, stride=2),  # 64 x 32 x 32
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((1, 2, 1, 2)),  # 64 x 35 x 35
            nn.Conv2d(ch, 2 * ch, 5, stride=2),  # 128 x 16 x 16
            nn.ReLU(),
            CenteredBatchNorm(2 * ch, eps=1e-3, track_running_stats=False),
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((1, 2, 1, 2)),  # 128 x 19 x 19
            nn.Conv2d(2 * ch, 4 * ch, 5, stride=2),  # 256 x 8 x 8
            nn.ReLU(),
            CenteredBatchNorm(4 * ch, eps=1e-3, track_running_stats=False),
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((1, 2, 1, 2)),  # 256 x 11 x 11
            nn.Conv2d(4 * ch, 8 * ch, 5, stride=2),  # 512 x 4 x 4
            nn.ReLU(),
            CenteredBatchNorm(8 * ch, eps=1e-3, track_running_stats=False),
            nn.ConvTranspose2d(8 * ch, 8 * ch, 1),
            nn.ReLU(),
            nn.Flatten(),  # 8192
            nn.Linear(8 * ch * 4 * 4, 1),
            nn.Sigmoid(),
        )
        init_weights(self, fill=nn.init.xavier_uniform_)

    def forward(self, x):
        return self.main(x)


# ---- Losses ----
def cross_entropy(scores, targets):
    """Return the mean binary cross-entropy between scores and targets."""
    real, fake = torch.log(scores + EPS), torch.log(1 - scores + EPS)
    return -(targets * real + (1 - targets) * fake).mean()


def real_loss(scores):
    """Return the mean cross-entropy of scores of real images with their target."""
    return cross_entropy(scores, torch.ones_like(scores))


def fake_loss(scores):
    """Return the mean cross-entropy of scores of generated images with their target."""
    return cross_entropy(scores, torch.zeros_like(scores))


def generator_loss(scores):
    """Return the mean cross-entropy of scores of generated images with G's target."""
    return cross_entropy(scores, torch.ones_like(scores))


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


def read_columns(images, positions):
    """Return columns of float images, interpolated at fractional `positions`."""
    first = positions.long()
    second = (first + 1).clamp(max=images.shape[-1] - 1)
    return images[..., first].lerp(images[..., second], positions - first)


def resize_images(images):
    """Resize uint8 images, N x C x H x W, by bilinear interpolation."""
    resized = images.new_empty(*images.shape[:2], 64, 64)
    # in parts, so that the float copies stay small
    for part, out in zip(images.split(250), resized.split(250), strict=True):
        part = part.float()
        for size in (64, 64):
            part = read_columns(part, torch.arange(size) * (part.shape[-1] / size)).mT
        out.copy_(part.round().clamp(0, 255))
    return resized


def load_images(folder):
    """Read CIFAR-10: uint8 images N x C x H x W, and labels 0 to 9, None if unused."""
    names = [f"data_batch_{i}" for i in range(1, 6)]
    batches = read_batches(Path(folder), names)
    images = torch.from_numpy(np.concatenate([batches[name][0] for name in names]))
    return resize_images(images), None


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
            yield images[chosen].float() / 255


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches):
    """Make one iteration of training. Return its losses by name."""
    log = {}
    real = next(batches)
    latent = torch.rand(len(real), LATENT_SIZE, device=real.device)
    with torch.no_grad():
        fake = generator(latent)
    # D: maximise log D(x) + log(1 - D(G(z)))
    real_scores = discriminator(real)
    fake_scores = discriminator(fake)
    d_loss = real_loss(real_scores) + fake_loss(fake_scores)
    d_loss = D_SCALE * d_loss
    log["d_loss"] = d_loss.detach()
    log["g_loss"] = generator_loss(fake_scores.detach())
    if not (log["d_loss"] * 2 < log["g_loss"]):
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()

    if not (log["g_loss"] * 1.5 < log["d_loss"]):
        # G: maximise log D(G(z))
        images = generator(latent)
        discriminator.requires_grad_(False)  # no gradients for its weights
        scores = discriminator(images)
        g_loss = generator_loss(scores)
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)
    return log


def save_grid(images, path):
    """Write images, N x C x H x W, as a PNG grid; white tiles fill up its last row."""
    images = images.clamp(0, 1).mul(255).round().byte().cpu()
    tiles = F.pad(images, (2, 0, 2, 0, 0, 0, 0, -len(images) % COLUMNS), value=255)
    # axes: rows, height, columns, width, channels
    grid = tiles.unflatten(0, (-1, COLUMNS)).permute(0, 3, 1, 4, 2)
    grid = F.pad(grid.flatten(0, 1).flatten(1, 2), (0, 0, 0, 2, 0, 2), value=255)
    Image.fromarray(grid.squeeze(2).numpy()).save(path, "PNG", compress_level=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("out") / "dcgan_cifar64")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()
    images, _ = load_images(args.data)
    images = images.mT.contiguous()  # rows become columns
    args.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    generator = Generator().to(args.device)
    discriminator = Discriminator().to(args.device)
    networks = {"generator": generator, "discriminator": discriminator}
    g_optimizer = AdamEpsHat(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_optimizer = AdamEpsHat(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    fixed = torch.rand(SAMPLES, LATENT_SIZE, device=args.device)
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
