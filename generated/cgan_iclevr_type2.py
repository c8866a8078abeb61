"""Conditional DCGAN on i-CLEVR, 64 x 64, type 2 of a student's PyTorch report.

Written by ganspec from the spec `cgan_iclevr_type2` (c87fb1ad).
Plain PyTorch, yours to edit.
"""

import argparse
import json
import math
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

BATCH = 128
EPOCHS = 100
SEED = 0
COLUMNS = 8
LATENT_SIZE = 100
GENERATOR_STEPS = 4


# ---- Networks ----
class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=64):
        super().__init__()
        self.label = nn.Sequential(
            nn.Linear(24, 4096),
            nn.ReLU(),
        )
        self.layers = nn.Sequential(
            nn.Unflatten(1, (z + 4096, 1, 1)),  # 4196 x 1 x 1
            nn.ConvTranspose2d(z + 4096, 8 * ch, 4, bias=False),  # 512 x 4 x 4
            nn.BatchNorm2d(8 * ch),
            nn.ReLU(),
            nn.ConvTranspose2d(8 * ch, 4 * ch, 4, 2, 1, bias=False),  # 256 x 8 x 8
            nn.BatchNorm2d(4 * ch),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * ch, 2 * ch, 4, 2, 1, bias=False),  # 128 x 16 x 16
            nn.BatchNorm2d(2 * ch),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * ch, ch, 4, 2, 1, bias=False),  # 64 x 32 x 32
            nn.BatchNorm2d(ch),
            nn.ReLU(),
            nn.ConvTranspose2d(ch, 3, 4, 2, 1, bias=False),  # 3 x 64 x 64
            nn.Tanh(),
        )

    def forward(self, z, y):
        h = torch.cat([z, self.label(y)], dim=1)  # 4196
        return self.layers(h)


class Discriminator(nn.Module):
    """Image to score."""

    def __init__(self, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ch, 4, 2, 1, bias=False),  # 64 x 32 x 32
            nn.LeakyReLU(0.2),
            nn.Conv2d(ch, 2 * ch, 4, 2, 1, bias=False),  # 128 x 16 x 16
            nn.BatchNorm2d(2 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ch, 4 * ch, 4, 2, 1, bias=False),  # 256 x 8 x 8
            nn.BatchNorm2d(4 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * ch, 8 * ch, 4, 2, 1, bias=False),  # 512 x 4 x 4
            nn.BatchNorm2d(8 * ch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(8 * ch, 1, 4, bias=False),  # 1 x 1 x 1
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
def flatten_image(image):
    """Convert a picture to RGB: grey of any depth to 8 bits, transparency to white.

    If no value of white is given, grey of 16 or 32 bits is from 0 to 65535, floats
    from 0 to 1, and other values raise ValueError. Else values beyond 0 and white are
    clipped.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float32)
        low, high = grey.min(), grey.max()
        top = 1 if image.mode == "F" else 65535
        if not 0 <= low <= high <= top:
            raise ValueError(f"its values, {low:g} to {high:g}, are not 0 to {top}")
        grey = grey / np.float32(top / 255)
        image = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:  # otherwise opaque
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def picture_pixels(picture):
    """Return the pixels of a PIL picture, uint8 C x H x W."""
    pixels = np.array(picture).reshape(picture.height, picture.width, -1)
    return torch.from_numpy(pixels.transpose(2, 0, 1))


def resize_picture(picture):
    """Resize a PIL picture. Return its pixels, uint8 C x H x W."""
    return picture_pixels(picture.resize((64, 64), Image.Resampling.BILINEAR))


def read_labels(path):
    """Return two dicts: lists of objects by image file, and indices by object."""
    path = Path(path)
    labels = json.loads(path.read_text("utf-8"))
    index = json.loads(path.with_name("objects.json").read_text("utf-8"))
    return labels, index


def find_photographs(folder, names):
    """Return the paths of the photographs `names` in the first folder that has all.

    Raise ValueError if none has.
    """
    for place in (folder / "images", folder / "iclevr", folder):
        if place.is_dir() and {path.name for path in place.iterdir()}.issuperset(names):
            return [place / name for name in names]
    raise ValueError(f"{folder} lacks photographs that train.json names")


def report_broken(files, readable):
    """Warn of files that cannot be read; raise ValueError if no file can."""
    broken = [str(path) for path, okay in zip(files, readable, strict=True) if not okay]
    names = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")
    if len(broken) == len(files):
        raise ValueError(f"none of the {len(files)} images can be read: {names}")
    if broken:
        message = f"skipped {len(broken)} of {len(files)} images as unreadable: "
        warnings.warn(message + names, stacklevel=3)


def decode_files(files, decode, shape):
    """Return readable images, uint8 N x *shape, and a list: True if readable.

    Warn of files that cannot be read; raise ValueError if no file can.
    """

    def decode_whole(path):
        try:
            return decode(path)
        except Exception:  # noqa: BLE001  (PIL can raise any exception)
            return None

    images, readable = torch.empty(len(files), *shape, dtype=torch.uint8), []
    with ThreadPoolExecutor() as pool:  # PIL decodes without the interpreter's lock
        for image, out in zip(pool.map(decode_whole, files), images, strict=True):
            readable.append(image is not None)
            if image is not None:
                out.copy_(image)
    report_broken(files, readable)
    return images if all(readable) else images[torch.tensor(readable)], readable


def mark_objects(labels, index):
    """Return multi-hot labels, uint8 N x objects, of N lists of object names."""
    marks = torch.zeros(len(labels), len(index), dtype=torch.uint8)
    for row, names in zip(marks, labels, strict=True):
        row[[index[name] for name in names]] = 1
    return marks


def load_images(folder):
    """Read i-CLEVR: images, uint8 N x C x H x W, and objects, 0 or 1, uint8 N x 24."""

    def decode(path):  # resized without cropping
        with Image.open(path) as file:
            image = flatten_image(file).convert("RGB")
        return resize_picture(image)

    labels, index = read_labels(Path(folder) / "train.json")
    paths = find_photographs(Path(folder), list(labels))
    images, readable = decode_files(paths, decode, (3, 64, 64))
    return images, mark_objects(list(labels.values()), index)[readable]


def read_conditions(path):
    """Return the conditions in a JSON file as multi-hot labels, float N x objects."""
    rows = json.loads(path.read_text("utf-8"))
    index = json.loads(path.with_name("objects.json").read_text("utf-8"))
    return mark_objects(
        rows.values() if isinstance(rows, dict) else rows, index
    ).float()


# ---- Training ----
def draw_batches(images, labels, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH):
            yield images[chosen].float() / 127.5 - 1, labels[chosen]


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches):
    """Make one iteration of training. Return its losses by name."""
    log = {}
    real, labels = next(batches)
    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    with torch.no_grad():
        fake = generator(latent, labels)
    # D: maximise log D(x) + log(1 - D(G(z)))
    real_scores = discriminator(real)
    fake_scores = discriminator(fake)
    d_loss = real_loss(real_scores) + fake_loss(fake_scores)
    log["d_loss"] = d_loss.detach()
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()

    # G: maximise log D(G(z))
    for _ in range(GENERATOR_STEPS):
        latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
        images = generator(latent, labels)
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
    parser.add_argument("--out", type=Path, default=Path("out") / "cgan_iclevr_type2")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()
    images, labels = load_images(args.data)
    labels = labels.float()
    labels = labels.to(args.device)
    path = args.data / "test.json"
    asked = read_conditions(path).to(args.device)
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
    fixed = torch.randn(len(asked), LATENT_SIZE, device=args.device)
    batches = draw_batches(images.to(args.device), labels, args.seed)
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
                samples = generator(fixed, asked)
            generator.train()
            save_grid(samples, args.out / f"samples_{step:07d}.png")
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, args.out / "weights.pt")


if __name__ == "__main__":
    main()
