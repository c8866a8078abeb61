"""Scenes of lit cubes, spheres and cylinders on a grey ground."""

# mypy: disable-error-code="union-attr"
# for mypy, `sum` of tensors may be its start value, the int 0

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

# the camera is at (0, -7, 4.8) and looks at (0, -0.1, 0.3); right is along the x axis
EYE, AHEAD = torch.tensor([[0, -7, 4.8], [0, 0.83761054, -0.54626775]])


def draw_scenes(random, count, listed=None):
    """Return random properties of three objects in each scene: a dict of count x 3."""
    numbers = torch.from_numpy(random.random((count, 3, 8), dtype=np.float32))
    place, turn, spin, size, colour, shape, gloss, spare = numbers.unbind(2)
    slot = torch.arange(3)
    # a third of a turn apart, so that no two solids touch
    angle = 2 * torch.pi * (spare[:, 1:2] + slot / 3) + 0.2 * (turn - 0.5)
    radius = 1.1 + 0.4 * place
    present = slot < 1 + (3 * spare[:, :1]).floor() if listed is None else listed
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


def view_rays(x, y, height, width):
    """Return the directions, 3 x ..., from the camera to the image's points (x, y)."""
    focal = 1.75 * min(height, width)
    x, y = (x - width / 2) / focal, (y - height / 2) / focal
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


def draw_solids(canvas, scenes, rays, light, height, width):
    """Draw the solids of scenes, first to last, on a canvas, N x H x W x 3."""
    dx, dy, dz = F.normalize(rays, dim=0)
    # four rays per pixel smooth the edges
    across, down = torch.tensor([[0.25, 0.75, 0.25, 0.75], [0.25, 0.25, 0.75, 0.75]])
    for slot in range(3):
        solid = {name: field[:, slot, None, None] for name, field in scenes.items()}
        x, y, z = solid["x"], solid["y"] - EYE[1], solid["size"] - EYE[2]
        # only rays near the solid's centre, within its corners' distance, can hit it
        passed = x * x + y * y + z * z - (x * dx + y * dy + z * dz) ** 2
        near = passed < (1.6 * solid["size"] + 3 / min(height, width)) ** 2
        image, row, column = where = near.nonzero(as_tuple=True)
        solid = {name: field[image, slot, None] for name, field in scenes.items()}
        fine = view_rays(column[:, None] + across, row[:, None] + down, height, width)
        colour, cover = shade_solids(solid, fine, light)
        canvas[where] = canvas[where] * (1 - cover) + colour


def draw_images(scenes, height, width):
    """Draw scenes as images, uint8 N x 3 x H x W: the ground, shadows, then solids."""
    order = scenes["y"].argsort(dim=1, descending=True, stable=True)
    scenes = {name: field.gather(1, order) for name, field in scenes.items()}
    light = F.normalize(torch.tensor([-0.9, -0.3, 1.0]), dim=0)
    y, x = torch.from_numpy(np.mgrid[0.5:height, 0.5:width]).float()
    rays = view_rays(x, y, height, width)
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
    draw_solids(canvas, scenes, rays, light, height, width)
    return (255 * canvas.clamp(0, 1)).round().byte().permute(0, 3, 1, 2).contiguous()
