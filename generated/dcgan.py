"""DCGAN at 64 x 64 (Radford et al., 2016), in the form of PyTorch's tutorial.

Written by ganspec from the spec `dcgan` (130b6f80).
Plain PyTorch, yours to edit.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

BATCH = 128
EPOCHS = 5
SEED = 0
HEIGHT = 64
WIDTH = 64
SAMPLES = 64
COLUMNS = 8
LATENT_SIZE = 100


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill the weights of convs, linear layers and embeddings, and set biases to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
            wrapped = getattr(module, "parametrizations", None)  # by a spectral norm
            fill(wrapped.weight.original if wrapped else module.weight, **options)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)


def init_dcgan(network, std=0.02):
    """Draw weights from N(0, std^2) and batch norms' gains from N(1, std^2)."""
    init_weights(network, nn.init.normal_, std=std)
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    for module in network.modules():
        if isinstance(module, norms) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, std)


class Generator(nn.Module):
    """Latent vector to image."""

    def __init__(self, z=100, ch=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Unflatten(1, (z, 1, 1)),  # 100 x 1 x 1
            nn.ConvTranspose2d(z, 8 * ch, 4, bias=False),  # 512 x 4 x 4
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
        init_dcgan(self)

    def forward(self, z):
        return self.main(z)


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
        )
        init_dcgan(self)

    def forward(self, x):
        return self.main(x)


# ---- Losses ----
def real_loss(scores):
    """Return the loss of D on real images: minimising it maximises log D(x)."""
    targets = torch.ones_like(scores)
    return F.binary_cross_entropy_with_logits(scores, targets)


def fake_loss(scores):
    """Return the loss of D on fake images: minimising it maximises log(1 - D(G(z)))."""
    targets = torch.zeros_like(scores)
    return F.binary_cross_entropy_with_logits(scores, targets)


def generator_loss(scores):
    """Return the loss of G: minimising it maximises log D(G(z))."""
    targets = torch.ones_like(scores)
    return F.binary_cross_entropy_with_logits(scores, targets)


# ---- Data ----
def draw_scenes(random, count):
    """Draw random scenes of one to three objects: fields by name, each N x 3."""
    numbers = torch.from_numpy(random.random((count, 3, 8), dtype=np.float32))
    place, turn, spin, size, colour, shape, gloss, spare = numbers.unbind(2)
    slot = torch.arange(3)
    # a third of a turn apart, so that no two solids touch
    angle = 2 * torch.pi * (spare[:, 1:2] + slot / 3) + 0.2 * (turn - 0.5)
    radius = 1.1 + 0.4 * place
    return {
        "x": radius * angle.cos(),
        "y": radius * angle.sin(),
        "spin": torch.pi / 2 * spin,
        "size": 0.5 + 0.25 * size,
        "colour": (8 * colour).long(),
        "shape": (3 * shape).long(),
        "gloss": 0.1 + 0.6 * (gloss > 0.5),
        "present": slot < 1 + (3 * spare[:, :1]).floor(),
    }


def scene_blocks(count, seed):
    """Yield random scenes in blocks."""
    random = np.random.default_rng(seed)
    # whole blocks, even at the end, so that no image depends on how many there are
    block = min(256, max(1, 2**18 // (HEIGHT * WIDTH)))
    for _ in range(0, count, block):
        yield draw_scenes(random, block)


AHEAD_Y, AHEAD_Z = 0.83761054, -0.54626775


def view_rays(x, y, height, width):
    """Return the directions, three tensors, in which the eye sees pixels x and y."""
    focal = 1.75 * min(height, width)
    x, y = (x - width / 2) / focal, (y - height / 2) / focal
    return x, AHEAD_Z * y + AHEAD_Y, AHEAD_Z - AHEAD_Y * y


EYE_Y, EYE_Z = torch.tensor([-7.0, 4.8])


def meet_solid(origin, direction, half, bend, reach):
    """Return where rays hit a solid, and the normals, three tensors, there.

    The solid is |x|, |y|, |z| <= half within x2 + y2 + bend z2 <= reach2: bend 1 makes
    it a sphere, bend 0 a cylinder, and a long reach leaves the cube.
    """
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    a = dx * dx + dy * dy + bend * dz * dz
    b = ox * dx + oy * dy + bend * oz * dz
    c = ox * ox + oy * oy + bend * oz * oz - reach * reach
    inside = b * b - a * c
    root = inside.clamp(min=0).sqrt()
    middle, extent = -origin / direction, half / direction.abs()
    flat_entries, round_entry = middle - extent, (-b - root) / a
    enter = torch.maximum(flat_entries.amax(0), round_entry)
    leave = torch.minimum((middle + extent).amin(0), (root - b) / a)
    curve = (origin + enter * direction) / reach
    curve[2] *= bend
    flat = torch.where(flat_entries >= enter, -direction.sign(), 0)
    normal = torch.where(round_entry >= enter, curve, flat)
    return (inside > 0) & (enter < leave), normal.unbind()


def shade_solids(solid, x, y, light, height, width):
    """Return colour, N x h x w x 3, weighed by cover, and cover, N x h x w x 1."""
    size, cube = solid["size"], solid["shape"] == 0
    half, reach = (
        torch.where(cube, 0.8 * size, size),
        torch.where(cube, 10 * size, size),
    )
    bend = (solid["shape"] == 1).float()
    cos, sin = solid["spin"].cos(), solid["spin"].sin()

    def turn(x, y, z):
        turned = cos * x + sin * y, cos * y - sin * x, z
        return torch.stack(torch.broadcast_tensors(*turned))

    origin = turn(-solid["x"], EYE_Y - solid["y"], EYE_Z - half)
    lamp = turn(*light)
    shine = F.normalize(F.normalize(origin, dim=0) + lamp, dim=0)
    rays = turn(*view_rays(x, y, height, width))
    hit, normal = meet_solid(origin, rays, half, bend, reach)
    facing, glint = (sum(map(torch.mul, normal, v)).clamp(min=0) for v in (lamp, shine))
    bright = 0.4 + 0.1 * normal[2] + 0.75 * facing
    spark = solid["gloss"] * glint.square().square().square().square()
    shades = torch.stack([bright, spark, torch.ones_like(bright)]) * hit
    # four rays a pixel smooth the edges
    bright, spark, cover = F.avg_pool2d(shades, 2)[..., None]
    codes = bytes.fromhex("575757 ad2323 2a4bd7 1d6914 814a19 8126c0 29d0d0 ffee33")
    colour = torch.tensor(list(codes)).view(8, 3)[solid["colour"]] / 255
    return colour * bright + spark, cover


def draw_solids(canvas, scenes, light):
    """Draw each solid on the rectangle around it in a canvas, N x H x W x 3."""
    height, width = canvas.shape[1:3]
    for slot in range(3):
        part = scenes["present"][:, slot].nonzero()[:, 0]
        if len(part) == 0:
            continue
        solid = {name: field[part, slot, None, None] for name, field in scenes.items()}
        y, z = solid["y"] - EYE_Y, solid["size"] - EYE_Z
        scale = 1.75 * min(height, width) / (AHEAD_Y * y + AHEAD_Z * z)
        extent = (scale * solid["size"]).max()
        # the outlines of the tallest solid, a cylinder, and of the widest, a cube
        rows, columns = (
            min(2 * int(1.6 * extent + 1), height),
            min(2 * int(1.4 * extent + 1), width),
        )
        y = height / 2 + scale * (AHEAD_Z * y - AHEAD_Y * z) - rows / 2
        x = width / 2 + scale * solid["x"] - columns / 2
        y, x = y.long().clamp(0, height - rows), x.long().clamp(0, width - columns)
        fine_x, fine_y = (torch.arange(2 * n) / 2 + 0.25 for n in (columns, rows))
        colour, cover = shade_solids(
            solid, x + fine_x, y + fine_y[:, None], light, height, width
        )
        where = (
            part[:, None, None],
            y + torch.arange(rows)[:, None],
            x + torch.arange(columns),
        )
        canvas[where] = canvas[where] * (1 - cover) + colour
    return canvas


def draw_images(scenes):
    """Draw scenes as images, uint8 N x C x H x W: the ground, shadows, then solids."""
    far = torch.where(scenes["present"], scenes["y"], torch.inf)
    order = far.argsort(dim=1, descending=True, stable=True)
    scenes = {name: field.gather(1, order) for name, field in scenes.items()}
    light = F.normalize(torch.tensor([-0.9, -0.3, 1.0]), dim=0)
    x, y = torch.arange(WIDTH) + 0.5, torch.arange(HEIGHT)[:, None] + 0.5
    dx, dy, dz = view_rays(x, y, HEIGHT, WIDTH)
    far = EYE_Z / -dz.clamp(max=-0.05)
    x, y = far * dx, EYE_Y + far * dy
    ground = 0.48 + 0.26 * torch.exp(-(x**2 + y**2) / 25)
    left, back, size = (scenes[name][..., None, None] for name in ("x", "y", "size"))
    # a capsule: from below the solid to where the light lays its top
    across, along = (-2 * size * light[i] / light[2] for i in (0, 1))
    u, v = x - left, y - back
    t = ((u * across + v * along) / (across**2 + along**2)).clamp(0, 1)
    off = ((u - t * across) ** 2 + (v - t * along) ** 2).sqrt()
    blur = 0.15 + 0.6 * t
    shade = ((size + blur - off) / (2 * blur) - 0.15).clamp(0, 1)
    shade *= scenes["present"][..., None, None]
    for kept in (1 - 0.5 * (1 - 0.5 * t) * shade * shade * (3 - 2 * shade)).unbind(1):
        ground = ground * kept
    canvas = draw_solids(ground[..., None].repeat(1, 1, 1, 3), scenes, light)
    drawn = (255 * canvas.clamp(0, 1)).round().to(torch.uint8).permute(0, 3, 1, 2)
    return drawn


def load_images(count=10000, seed=0):
    """Draw scenes, uint8 N x C x H x W; labels are 3 x colour + shape of the front."""
    blocks = list(scene_blocks(count, seed))
    images = torch.cat([draw_images(scenes) for scenes in blocks])
    return images[:count], None


# ---- Training ----
class Batches:
    """Draw batches of real images without end, in a new random order each epoch."""

    def __init__(self, images, seed):
        self.images = images  # uint8, on their device
        self.random = torch.Generator().manual_seed(seed)
        self.position = len(self)
        if len(self) == 0:
            raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")

    def __len__(self):
        return len(self.images) // BATCH

    def __next__(self):
        if self.position == len(self):
            order = torch.randperm(len(self.images), generator=self.random)
            self.order, self.position = order.to(self.images.device), 0
        chosen = self.order[self.position * BATCH :][:BATCH]
        self.position += 1
        images = self.images[chosen]
        return images.float() / 127.5 - 1


def update(optimizer, loss):
    """Make one step down the gradient of `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train_step(generator, discriminator, g_optimizer, d_optimizer, batches):
    """Train both networks for one iteration. Return the losses by name."""
    real = next(batches)
    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    with torch.no_grad():
        fake = generator(latent)
    # D: maximise log D(x) + log(1 - D(G(z)))
    real_scores = discriminator(real)
    fake_scores = discriminator(fake)
    d_loss = real_loss(real_scores) + fake_loss(fake_scores)
    log = {"d_loss": d_loss.detach()}
    update(d_optimizer, d_loss)

    latent = torch.randn(len(real), LATENT_SIZE, device=real.device)
    # G: maximise log D(G(z))
    discriminator.requires_grad_(False)  # it only passes gradients on
    images = generator(latent)
    scores = discriminator(images)
    g_loss = generator_loss(scores)
    update(g_optimizer, g_loss)
    discriminator.requires_grad_(True)
    log["g_loss"] = g_loss.detach()
    return log


def save_grid(images, path):
    """Write images (N x C x H x W) as one PNG, row by row, on white."""
    images = images * 0.5 + 0.5
    images = images.clamp(0, 1).mul(255).round().byte().cpu()
    tiles = F.pad(images, (2, 0, 2, 0), value=255)
    # rows, height, columns, width, channels
    grid = tiles.unflatten(0, (-1, COLUMNS)).permute(0, 3, 1, 4, 2)
    grid = F.pad(grid.flatten(0, 1).flatten(1, 2), (0, 0, 0, 2, 0, 2), value=255)
    Image.fromarray(grid.squeeze(2).numpy()).save(path, "PNG")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs") / "dcgan")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="stop after so many steps instead")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()
    images, _ = load_images()
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
    batches = Batches(images.to(args.device), args.seed)
    epoch = len(batches)
    last = args.steps or args.epochs * epoch

    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(generator, discriminator, g_optimizer, d_optimizer, batches)
        if step % 50 == 0 or step == last:
            rate = step / (time.perf_counter() - started)
            losses = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {losses}  {rate:.3g} steps/s")
        if step % epoch == 0 or step == last:
            path = args.out / f"samples_{step:07d}.png"
            generator.eval()
            with torch.no_grad():
                samples = generator(fixed)
            generator.train()
            save_grid(samples, path)
            weights = {name: network.state_dict() for name, network in networks.items()}
            torch.save(weights, args.out / "weights.pt")


if __name__ == "__main__":
    main()
