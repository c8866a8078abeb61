"""SAGAN on CIFAR-10, 32 x 32, as a student's Keras report describes it.

Written by ganspec from the spec `sagan` (90c5f5f9). Plain PyTorch, yours to edit.
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
from torch.nn.utils.parametrizations import spectral_norm

BATCH = 128
EPOCHS = 200
SEED = 0
SAMPLES = 80
COLUMNS = 10
LATENT_SIZE = 100


# ---- Networks ----
class SelfAttention(nn.Module):
    """SAGAN's self-attention; at first `gamma` is 0, and the output is the input."""

    def __init__(self, channels, norm=None):
        super().__init__()
        norm = norm or (lambda layer: layer)
        self.query = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.key = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.value = norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.out = norm(nn.Conv2d(channels // 8, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(()))

    def weights(self, x):
        """Return how much each position attends to each position, n x hw x hw."""
        query = self.query(x).flatten(2)  # n x c/8 x hw
        key = self.key(x).flatten(2)  # n x c/8 x hw
        return torch.softmax(query.transpose(1, 2) @ key, dim=-1)

    def forward(self, x):
        weights = self.weights(x)
        value = self.value(x).flatten(2)  # n x c/8 x hw
        mixed = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(mixed)


def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            if not hasattr(module, "parametrizations"):
                fill(module.weight, **options)
            else:  # the weight that a spectral norm divides
                fill(module.parametrizations.weight.original, **options)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            init_weights(module, nn.init.uniform_, a=-0.05, b=0.05)


def inner_product(label, x):
    """Return the inner product of two vectors for each image: N x 1."""
    return (label * x).sum(dim=1, keepdim=True)


class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            spectral_norm(nn.Linear(z, 4 * ch * 4 * 4)),  # 4096
            nn.Unflatten(1, (4 * ch, 4, 4)),  # 256 x 4 x 4
            nn.LeakyReLU(0.2),
            spectral_norm(nn.ConvTranspose2d(4 * ch, 2 * ch, 4, 2, 1)),  # 128 x 8 x 8
            nn.LeakyReLU(0.2),
            spectral_norm(nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1)),  # 128 x 16 x 16
            nn.LeakyReLU(0.2),
            SelfAttention(2 * ch, norm=spectral_norm),
            spectral_norm(nn.ConvTranspose2d(2 * ch, 2 * ch, 4, 2, 1)),  # 128 x 32 x 32
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * ch, 3, 3, padding=1)),  # 3 x 32 x 32
            nn.Tanh(),
        )
        init_keras(self)

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    """Image to score."""

    def __init__(self, ch=64):
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(3, ch, 3, padding=1)),  # 64 x 32 x 32
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 64 x 33 x 33
            spectral_norm(nn.Conv2d(ch, 2 * ch, 3, stride=2)),  # 128 x 16 x 16
            nn.LeakyReLU(0.2),
            SelfAttention(2 * ch, norm=spectral_norm),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 128 x 17 x 17
            spectral_norm(nn.Conv2d(2 * ch, 2 * ch, 3, stride=2)),  # 128 x 8 x 8
            nn.LeakyReLU(0.2),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 128 x 9 x 9
            spectral_norm(nn.Conv2d(2 * ch, 4 * ch, 3, stride=2)),  # 256 x 4 x 4
            nn.LeakyReLU(0.2),
            nn.Flatten(),  # 4096
        )
        self.score = spectral_norm(nn.Linear(4 * ch * 4 * 4, 1))
        self.label = spectral_norm(nn.Embedding(10, 4 * ch * 4 * 4))  # 4096
        init_keras(self)

    def forward(self, x, y):
        h = self.layers(x)  # 4096
        return self.score(h) + inner_product(self.label(y), h)


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
    classes = [label for name in names for label in batches[name][1]]
    labels = torch.tensor(classes)
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
        fake = generator(latent)
    # D: maximise min(0, D(x) - 1) + min(0, -1 - D(G(z)))
    real_scores = discriminator(real, labels)
    fake_scores = discriminator(fake, fake_labels)
    d_loss = F.relu(1 - real_scores).mean() + F.relu(1 + fake_scores).mean()
    log["d_loss"] = d_loss.detach()
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()

    # G: maximise D(G(z))
    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    fake_labels = pool[torch.randint(len(pool), (len(real),), device=pool.device)]
    images = generator(latent)
    discriminator.requires_grad_(False)  # no gradients for its weights
    scores = discriminator(images, fake_labels)
    g_loss = -scores.mean()
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
    parser.add_argument("--out", type=Path, default=Path("out") / "sagan")
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
        generator.parameters(), lr=1e-4, betas=(0.0, 0.9), eps=1e-7
    )
    d_optimizer = AdamEpsHat(
        discriminator.parameters(), lr=4e-4, betas=(0.0, 0.9), eps=1e-7
    )
    fixed = torch.randn(SAMPLES, LATENT_SIZE, device=args.device)
    batches = draw_batches(images.to(args.device), labels, args.seed)
    epoch = len(images) // BATCH
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
                samples = generator(fixed)
            generator.train()
            save_grid(samples, args.out / f"samples_{step:07d}.png")
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, args.out / "weights.pt")


if __name__ == "__main__":
    main()
