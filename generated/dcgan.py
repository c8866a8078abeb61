"""DCGAN at 64 x 64 (Radford et al., 2016), in the form of PyTorch's tutorial.

Written by ganspec from the spec `dcgan` (dc6c3bc6). Plain PyTorch, yours to edit.
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
SAMPLES = 64
COLUMNS = 8
LATENT_SIZE = 100


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            fill(module.weight, **options)


def init_dcgan(network, std=0.02):
    """Draw weights from N(0, std^2), batch norm gains from N(1, std^2); biases 0."""
    init_weights(network, nn.init.normal_, std=std)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
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
    """Return the mean cross-entropy of scores of real images with their target."""
    return F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))


def fake_loss(scores):
    """Return the mean cross-entropy of scores of generated images with their target."""
    return F.binary_cross_entropy_with_logits(scores, torch.zeros_like(scores))


# ---- Data ----
def draw_scenes(random, count):
    """Return random properties of three objects in each scene: a dict of count x 3."""
    numbers = torch.from_numpy(random.random((count, 3, 8), dtype=np.float32))
    place, turn, spin, size, colour, shape, gloss, spare = numbers.unbind(2)
    slot = torch.arange(3)
    # a third of a turn apart, so that no two solids touch
    angle = 2 * torch.pi * (spare[:, 1:2] + slot / 3) + 0.2 * (turn - 0.5)
    radius = 1.1 + 0.4 * place
    present = slot < 1 + (3 * spare[:, :1]).floor()
    return {
        "x": radius * angle.cos(),
        # objects that a scene lacks are infinitely far away
        "y": torch.where(present, radius * angle.sin(), torch.inf),
        "spin": torch.pi / 2 * spin,
        "size": 0.5 + 0.25 * size,
        "colour": (8 * colour).long(),
        "shape": (3 * shape).long(),
        "gloss": 0.1 + 0.6 * (gloss > 0.5),
    }


EYE, AHEAD = torch.tensor([[0, -7, 4.8], [0, 0.83761054, -0.54626775]])


def view_rays(x, y):
    """Return the directions, 3 x ..., from the camera to the image's points (x, y)."""
    focal = 112.0
    x, y = (x - 32.0) / focal, (y - 32.0) / focal
    return torch.stack([x, AHEAD[2] * y + AHEAD[1], AHEAD[2] - AHEAD[1] * y])


def meet_solid(origin, direction, half, bend, reach):
    """Return a mask of the rays that hit a solid, and the normals, 3 x ..., there."""
    # inside, |x|, |y| and |z| <= half and x^2 + y^2 + bend z^2 <= reach^2: bend 1 makes
    # a sphere, bend 0 a cylinder, and a long reach leaves the cube
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
    return (inside > 0) & (enter < leave), normal


def shade_solids(solid, rays, light):
    """Return colours that solids add to N pixels, N x 3, and shares covered, N x 1."""
    size, cube = solid["size"], solid["shape"] == 0
    half, reach = size.where(~cube, 0.8 * size), size.where(~cube, 10 * size)
    bend = (solid["shape"] == 1).float()
    cos, sin = solid["spin"].cos(), solid["spin"].sin()

    def turn(x, y, z):
        turned = cos * x + sin * y, cos * y - sin * x, z
        return torch.stack(torch.broadcast_tensors(*turned))

    origin = turn(-solid["x"], EYE[1] - solid["y"], EYE[2] - half)
    lamp = turn(*light)
    shine = F.normalize(F.normalize(origin, dim=0) + lamp, dim=0)
    hit, normal = meet_solid(origin, turn(*rays), half, bend, reach)
    facing, glint = (sum(map(torch.mul, normal, v)).clamp(min=0) for v in (lamp, shine))
    bright = 0.4 + 0.1 * normal[2] + 0.75 * facing
    spark = solid["gloss"] * glint.square().square().square().square()
    bright, spark, cover = ((hit * v).mean(1, True) for v in (bright, spark, 1.0))
    codes = bytes.fromhex("575757 ad2323 2a4bd7 1d6914 814a19 8126c0 29d0d0 ffee33")
    colour = torch.tensor(list(codes)).view(8, 3)[solid["colour"][:, 0]] / 255
    return colour * bright + spark, cover


def draw_solids(canvas, scenes, rays, light):
    """Draw the solids of scenes, first to last, on a canvas, N x H x W x 3."""
    dx, dy, dz = F.normalize(rays, dim=0)
    # four rays per pixel smooth the edges
    across, down = torch.tensor([[0.25, 0.75, 0.25, 0.75], [0.25, 0.25, 0.75, 0.75]])
    for slot in range(3):
        solid = {name: field[:, slot, None, None] for name, field in scenes.items()}
        x, y, z = solid["x"], solid["y"] - EYE[1], solid["size"] - EYE[2]
        # only rays near the solid's centre, within its corners' distance, can hit it
        passed = x * x + y * y + z * z - (x * dx + y * dy + z * dz) ** 2
        near = passed < (1.6 * solid["size"] + 0.046875) ** 2
        image, row, column = where = near.nonzero(as_tuple=True)
        solid = {name: field[image, slot, None] for name, field in scenes.items()}
        fine = view_rays(column[:, None] + across, row[:, None] + down)
        colour, cover = shade_solids(solid, fine, light)
        canvas[where] = canvas[where] * (1 - cover) + colour


def draw_images(scenes):
    """Draw scenes as images, uint8 N x 3 x H x W: the ground, shadows, then solids."""
    order = scenes["y"].argsort(dim=1, descending=True, stable=True)
    scenes = {name: field.gather(1, order) for name, field in scenes.items()}
    light = F.normalize(torch.tensor([-0.9, -0.3, 1.0]), dim=0)
    y, x = torch.from_numpy(np.mgrid[0.5:64, 0.5:64]).float()
    rays = view_rays(x, y)
    x, y, _ = EYE[:, None, None] + EYE[2] / -rays[2].clamp(max=-0.05) * rays
    ground = 0.48 + 0.26 * torch.exp(-(x**2 + y**2) / 25)
    left, back, size = (scenes[name][..., None, None] for name in ("x", "y", "size"))
    # a shadow is a capsule from the solid's foot to the shadow of its top
    across, along = (-2 * size * light[i] / light[2] for i in (0, 1))
    u, v = x - left, y - back
    t = ((u * across + v * along) / (across**2 + along**2)).clamp(0, 1)
    off = ((u - t * across) ** 2 + (v - t * along) ** 2).sqrt()
    blur = 0.15 + 0.6 * t
    shade = ((size + blur - off) / (2 * blur) - 0.15).clamp(0, 1)
    for share in (1 - 0.5 * (1 - 0.5 * t) * shade * shade * (3 - 2 * shade)).unbind(1):
        ground = ground * share
    canvas = ground[..., None].repeat(1, 1, 1, 3)
    draw_solids(canvas, scenes, rays, light)
    return (255 * canvas.clamp(0, 1)).round().byte().permute(0, 3, 1, 2).contiguous()


def load_images(count=10000, seed=0):
    """Draw scenes: images, uint8 N x C x H x W, and their labels, None if unused."""
    random = np.random.default_rng(seed)
    # the last block is as long as the others, so that no image depends on `count`
    block = 64
    blocks = [draw_scenes(random, block) for _ in range(0, count, block)]
    return torch.cat([draw_images(scenes) for scenes in blocks])[:count], None


# ---- Training ----
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
    g_loss = F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
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
    parser.add_argument("--out", type=Path, default=Path("out") / "dcgan")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()
    images, _ = load_images()
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
