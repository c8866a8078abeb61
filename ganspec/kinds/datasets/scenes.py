"""Draws scenes of lit cubes, spheres and cylinders on a grey ground."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ganspec.kinds.datasets.images import grey_images

# the eye looks from (0, -7, 4.8) at (0, -0.1, 0.3), and right is along the x axis
EYE_Y, EYE_Z = torch.tensor([-7.0, 4.8])
AHEAD_Y, AHEAD_Z = 0.83761054, -0.54626775


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


def scene_blocks(count, seed, split, height, width):
    """Yield random scenes in blocks."""
    if split == "train":
        random = np.random.default_rng(seed)
    else:  # numbers that no seed gives the other split
        random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    # whole blocks, even at the end, so that no image depends on how many there are
    block = min(256, max(1, 2**18 // (height * width)))
    for _ in range(0, count, block):
        yield draw_scenes(random, block)


def view_rays(x, y, height, width):
    """Return the directions, three tensors, in which the eye sees pixels x and y."""
    focal = 1.75 * min(height, width)
    x, y = (x - width / 2) / focal, (y - height / 2) / focal
    return x, AHEAD_Z * y + AHEAD_Y, AHEAD_Z - AHEAD_Y * y


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
    half, reach = torch.where(cube, 0.8 * size, size), torch.where(cube, 10 * size, size)
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
        colour, cover = shade_solids(solid, x + fine_x, y + fine_y[:, None], light, height, width)
        where = part[:, None, None], y + torch.arange(rows)[:, None], x + torch.arange(columns)
        canvas[where] = canvas[where] * (1 - cover) + colour
    return canvas


def draw_images(scenes, height, width, channels):
    """Draw scenes as images, uint8 N x C x H x W: the ground, shadows, then solids."""
    far = torch.where(scenes["present"], scenes["y"], torch.inf)
    order = far.argsort(dim=1, descending=True, stable=True)
    scenes = {name: field.gather(1, order) for name, field in scenes.items()}
    light = F.normalize(torch.tensor([-0.9, -0.3, 1.0]), dim=0)
    x, y = torch.arange(width) + 0.5, torch.arange(height)[:, None] + 0.5
    dx, dy, dz = view_rays(x, y, height, width)
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
    return grey_images(drawn) if channels == 1 else drawn
