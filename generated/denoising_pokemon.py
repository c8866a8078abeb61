"""The denoising autoencoder on a folder of colour images.

Written by ganspec from the spec `denoising_pokemon` (954822fc).
Plain PyTorch, yours to edit.
"""

import argparse
import time
import warnings
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import nn, optim

BATCH = 128
EPOCHS = 50
SEED = 0
NOISE = 0.25
COLUMNS = 16


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fill(module.weight, **options)
            nn.init.zeros_(module.bias)


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)


class Autoencoder(nn.Module):
    """Image to image."""

    def __init__(self, ch=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ch, 3, padding=1),  # 32 x 64 x 64
            nn.ReLU(),
            nn.MaxPool2d(2),  # 32 x 32 x 32
            nn.Conv2d(ch, ch // 2, 3, padding=1),  # 16 x 32 x 32
            nn.ReLU(),
            nn.MaxPool2d(2),  # 16 x 16 x 16
            nn.Conv2d(ch // 2, 7, 3, padding=1),  # 7 x 16 x 16
            nn.ReLU(),
            nn.Conv2d(7, 7, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 7 x 32 x 32
            nn.Conv2d(7, ch // 2, 3, padding=1),  # 16 x 32 x 32
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 16 x 64 x 64
            nn.Conv2d(ch // 2, ch, 3, padding=1),  # 32 x 64 x 64
            nn.ReLU(),
            nn.Conv2d(ch, 3, 3, padding=1),  # 3 x 64 x 64
            nn.Sigmoid(),
        )
        init_keras(self)

    def forward(self, x):
        return self.main(x)


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


def read_columns(images, positions):
    """Return columns of float images, interpolated at fractional `positions`."""
    first = positions.long()
    second = (first + 1).clamp(max=images.shape[-1] - 1)
    return images[..., first].lerp(images[..., second], positions - first)


def resize_columns(images, left, right, width, centre):
    """Resize columns `left` to `right` of float images to `width` columns.

    `left` and `right` need not be whole. `centre` is the position of a pixel's centre:
    0 in TensorFlow 1, 0.5 in OpenCV.
    """
    positions = (
        (torch.arange(width) + centre) * ((right - left) / width) + left - centre
    )
    return read_columns(images, positions.clamp(min=0))


def resize_box(picture, box):
    """Resize a box (left, top, right, bottom) of a picture to uint8 C x H x W."""
    centre = 0.5
    left, top, right, bottom = box
    pixels = resize_columns(picture_pixels(picture).float(), left, right, 64, centre)
    pixels = resize_columns(pixels.mT, top, bottom, 64, centre).mT
    return pixels.round().to(torch.uint8)


def resize_images(images, height, width):
    """Resize uint8 images, N x C x H x W, by bilinear interpolation."""
    resized = images.new_empty(*images.shape[:2], height, width)
    # in parts, so that the float copies stay small
    for part, out in zip(images.split(250), resized.split(250), strict=True):
        part = part.float()
        part = F.interpolate(part, (height, width), mode="bilinear")
        out.copy_(part.round().clamp(0, 255))
    return resized


def resize_picture(picture, height, width):
    """Resize a PIL picture. Return its pixels, uint8 C x H x W."""
    return resize_images(picture_pixels(picture)[None], height, width)[0]


def decode_image(path):
    """Read a picture, uint8 C x H x W: resize it to cover the size, crop the centre."""
    with Image.open(path) as file:
        image = flatten_image(ImageOps.exif_transpose(file))
    image = image.convert("RGB")
    across, down = image.size
    if across * 64 < down * 64:
        across, down = 64, down * 64 // across
    else:
        across, down = across * 64 // down, 64
    left, top = round((across - 64) / 2), round((down - 64) / 2)
    right, bottom = left + 64, top + 64
    if across * down > 65536:  # resize only a box, to save memory
        x, y = image.width / across, image.height / down
        box = (left * x, top * y, right * x, bottom * y)
        return resize_box(image, box)
    return resize_picture(image, down, across)[:, top:bottom, left:right]


def walk_files(folder, above=()):
    """Yield the files below `folder`, sorted by path, except hidden files and folders.

    Links to folders are followed, except to one of the folders that they are in.
    """
    place = folder.resolve()
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            if path.is_file() or path.is_symlink():
                yield path
        elif path.resolve() not in (*above, place):
            yield from walk_files(path, (*above, place))


def is_image(path):
    """Return True if PIL reads files of this ending, except EPS, which is a program."""
    kind = Image.registered_extensions().get(path.suffix.lower(), "EPS")
    return kind in Image.OPEN and kind != "EPS"


def is_split(name):
    """Return True if a folder has the name of a split, such as train or test."""
    splits = (
        "train",
        "training",
        "val",
        "valid",
        "validation",
        "test",
        "testing",
        "eval",
    )
    return name.lower() in splits


def check_splits(folder, files):
    """Raise ValueError if one folder holds two splits, such as train and test."""
    splits = defaultdict(set)
    for names in {path.relative_to(folder).parts[:-1] for path in files}:
        for i, name in enumerate(names):
            if is_split(name):
                splits[folder.joinpath(*names[:i])].add(name)
    for place, names in sorted(splits.items()):
        if len(names) > 1:
            best = max(sorted(names), key=lambda name: name.lower().startswith("train"))
            raise ValueError(
                f"{' and '.join(sorted(names))} in {place} are splits, not classes: "
                f"take one alone, such as {place / best}"
            )


def find_images(folder):
    """Return the image files below `folder`, sorted by path, except hidden ones.

    Raises ValueError if there are no images, or if folders are splits, such as train
    and test.
    """
    folder = Path(folder)
    files = [path for path in walk_files(folder) if is_image(path)]
    if not files:
        raise ValueError(f"no images in {folder}")
    check_splits(folder, files)
    return files


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


def load_images(folder):
    """Read the images of a folder, uint8 N x C x H x W, and their labels.

    Labels are classes, int64 N, or attributes, 0 or 1, uint8 N x attributes; None if
    unused.
    """

    def decode(path):
        return decode_image(path)

    images, _ = decode_files(find_images(folder), decode, (3, 64, 64))
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


def spaced(length):
    """Return evenly spaced indices, from 0 to below `length`."""
    return torch.arange(COLUMNS) * length // COLUMNS


def draw_batches(images, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if len(images) < BATCH:
        raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH)[: len(images) // BATCH]:
            yield images[chosen].float() / 255


def add_noise(images, random):
    """Return images with Gaussian noise, by torch's generator if `random` is None."""
    noise = torch.randn(images.shape, generator=random, device=images.device)
    noisy = images + NOISE * noise
    return noisy.clamp(0, 1)


def train_step(autoencoder, optimizer, batches):
    """Make one step down a batch's loss. Return the loss before the step, by name."""
    images = next(batches)
    outputs = autoencoder(add_noise(images, None))
    loss = F.binary_cross_entropy(outputs, images)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach()}


def compare(autoencoder, images):
    """Return in one batch all inputs, all outputs and, with noise, all clean images."""
    clean = images.float() / 255
    autoencoder.eval()
    with torch.no_grad():
        noisy = add_noise(clean, torch.Generator(images.device).manual_seed(0))
        outputs = autoencoder(noisy)
    autoencoder.train()
    return torch.cat([noisy, outputs, clean])


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
    parser.add_argument("--out", type=Path, default=Path("out") / "denoising_pokemon")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()

    images, _ = load_images(args.data)
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    network = Autoencoder().to(args.device)
    optimizer = AdamEpsHat(network.parameters(), eps=1e-7)
    images = images.to(args.device)
    fixed = images[spaced(len(images))]
    batches = draw_batches(images, args.seed)
    epoch = len(images) // BATCH
    last = args.epochs * epoch if args.steps is None else args.steps

    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(network, optimizer, batches)
        ended = step % epoch == 0 or step == last
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            path = args.out / f"samples_{step:07d}.png"
            save_grid(compare(network, fixed), path)
            torch.save({"autoencoder": network.state_dict()}, args.out / "weights.pt")


if __name__ == "__main__":
    main()
