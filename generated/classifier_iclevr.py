"""ResNet-18 (He et al., 2016) that names the objects of an i-CLEVR image.

Written by ganspec from the spec `classifier_iclevr` (47019e3c).
Plain PyTorch, yours to edit.
"""

import argparse
import json
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
EPOCHS = 20
SEED = 0


# ---- Networks ----
class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, in_channels, out):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(in_channels, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.relu = nn.ReLU()

    def forward(self, x):
        h = self.main(x) + x
        return self.relu(h)


class DownBlock(nn.Module):
    """A basic block that halves height and width."""

    def __init__(self, in_channels, out):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(in_channels, out, 3, 2, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.skip = nn.Sequential(
            nn.Conv2d(in_channels, out, 1, stride=2, bias=False),
            nn.BatchNorm2d(out),
        )
        self.relu = nn.ReLU()

    def forward(self, x):
        h = self.main(x) + self.skip(x)
        return self.relu(h)


class Classifier(nn.Module):
    """Image to labels."""

    def __init__(self, ch=64, classes=24):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, ch, 7, 2, 3, bias=False),  # 64 x 32 x 32
            nn.BatchNorm2d(ch),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),  # 64 x 16 x 16
            BasicBlock(ch, ch),
            BasicBlock(ch, ch),
            DownBlock(ch, 2 * ch),  # 128 x 8 x 8
            BasicBlock(2 * ch, 2 * ch),
            DownBlock(2 * ch, 4 * ch),  # 256 x 4 x 4
            BasicBlock(4 * ch, 4 * ch),
            DownBlock(4 * ch, 8 * ch),  # 512 x 2 x 2
            BasicBlock(8 * ch, 8 * ch),
        )
        self.linear = nn.Linear(8 * ch, classes)  # 24

    def forward(self, x):
        h = torch.mean(self.layers(x), dim=(2, 3))  # 512
        return self.linear(h)


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


# ---- Training ----
def draw_batches(images, labels, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if len(images) < BATCH:
        raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH)[: len(images) // BATCH]:
            yield images[chosen].float() / 127.5 - 1, labels[chosen]


def find_labels(outputs, labels):
    """Return multi-hot labels with 0 in place of each 1 that the outputs do not find.

    A label of an image with k labels is found if its output is among the k highest.
    """
    ranks = outputs.argsort(1, descending=True).argsort(1)
    return (ranks < labels.sum(1, keepdim=True)) * labels


def multi_hot_accuracy(outputs, labels):
    """Return the share of all labels that `find_labels` finds."""
    return find_labels(outputs, labels).sum() / labels.sum().clamp(min=1)


def train_step(classifier, optimizer, batches):
    """Make one step on a batch. Return loss and accuracy before the step, by name."""
    images, labels = next(batches)
    outputs = classifier(images)
    loss = F.binary_cross_entropy_with_logits(outputs, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach(), "accuracy": multi_hot_accuracy(outputs, labels)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("out") / "classifier_iclevr")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()

    images, labels = load_images(args.data)
    labels = labels.float()
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    network = Classifier().to(args.device)
    optimizer = torch.optim.Adam(network.parameters())
    images = images.to(args.device)
    labels = labels.to(args.device)
    batches = draw_batches(images, labels, args.seed)
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
            torch.save({"classifier": network.state_dict()}, args.out / "weights.pt")


if __name__ == "__main__":
    main()
