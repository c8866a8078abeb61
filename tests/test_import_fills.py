"""Initial weights that a file draws outside of its networks: read, or unknown."""

from __future__ import annotations

import ast
from types import ModuleType

import pytest
import yaml
from test_import import imported

from ganspec.importing.filling import FillReader
from ganspec.importing.source import UNKNOWN_INIT

NETWORKS = """
import functools
import torch
from torch import nn


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(8, 3 * 16), nn.Unflatten(1, (3, 4, 4)), nn.Tanh())

    def forward(self, z):
        return self.main(z)

    def redraw(self, std):
        for m in self.main:
            weights_init(m)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(3, 1, 4))

    def forward(self, x):
        return self.main(x)


class Reversed(torch.autograd.Function):
    pass


def weights_init(m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(m.weight, 0.0, 0.02)
        nn.init.zeros_(m.bias)


def init_fn(kind="normal"):
    return weights_init


def set_eval(m):
    m.eval()


def initialize(model, scale=1):
    for m in model.modules():
        weights_init(m)


def apply_inner(net, gain):
    def inner(m):
        if hasattr(m, "weight"):
            m.weight.data.normal_(0.0, gain)
            m.bias.data.fill_(0)

    net.apply(inner)
    return net


"""
G, D = "netG = Generator()\n", "netD = Discriminator()\n"
BOTH = G + D
UNKNOWN = "unknown"
OWN = None  # torch's own, without an `init`
DCGAN = "dcgan"
USED = "Generator().apply(weights_init)\n"
FILES = {
    BOTH + "netG.apply(weights_init)": (DCGAN, OWN),
    "netG, netD = Generator(), Discriminator()\nnetD.apply(fn=weights_init)": (OWN, DCGAN),
    "netG: nn.Module = Generator()\nnetG.apply(weights_init)": (DCGAN, OWN),
    BOTH + "for net in (netG, netD):\n    net.apply(weights_init)": (DCGAN, DCGAN),
    BOTH + "netG.apply(init_fn('x'))\nnetD.apply(functools.partial(weights_init))": (
        DCGAN,
        UNKNOWN,
    ),
    "def build():\n    return Generator()\n\n\nnetG = build()\nnetG.apply(weights_init)": (
        DCGAN,
        OWN,
    ),
    "class Both(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.G = Generator()\n        self.G.apply(weights_init)": (DCGAN, OWN),
    "def main(opt):\n    netG = Generator()\n    initialize(netG)\n\n\nmain(parse())": (DCGAN, OWN),
    "nets = {}\nnets['G'] = Generator()\nnets['G'].apply(weights_init)": (DCGAN, OWN),
    "netG = nn.DataParallel(Generator()).cuda()\nnetG.module.apply(weights_init)": (DCGAN, OWN),
    G + "netG = nn.DataParallel(netG)\nnetG = netG.cuda()\nnetG.apply(weights_init)": (DCGAN, OWN),
    BOTH + "if epoch:\n    netG.load_state_dict(read())\nelse:\n    netG.apply(weights_init)": (
        DCGAN,
        OWN,
    ),
    "def define(kind, gain):\n    net = None\n    if kind == 1:\n        net = Generator()\n"
    "    else:\n        net = nn.Linear(1, 1)\n    return apply_inner(net, gain)": (UNKNOWN, OWN),
    "x = Discriminator()\n" + "x = nn.Sequential(x, x)\n" * 40 + "x.apply(weights_init)": (
        OWN,
        DCGAN,
    ),
    BOTH + "initialize(netG)\napply_inner(netD, gain=0.02)": (DCGAN, DCGAN),
    G + "netG.redraw(0.02)": (DCGAN, OWN),
    "net = Generator()\nnet.apply(weights_init)\nnet = Discriminator()": (UNKNOWN, UNKNOWN),
    "def g():\n    net = Generator()\n    net.apply(weights_init)\n    return net\n\n\n"
    "def d():\n    net = Discriminator()\n    return net": (DCGAN, OWN),
    "def g():\n    return apply_inner(Generator(), 0.02)\n": (DCGAN, OWN),
    "def main():\n    global netG\n    netG = Generator()\n\n\n"
    "def start():\n    netG.apply(weights_init)": (DCGAN, OWN),
    "class Trainer:\n    def __init__(self):\n        self.net = Generator()\n"
    "        self.other = Discriminator()\n\n    def start(self):\n"
    "        self.net.apply(weights_init)": (DCGAN, OWN),
    # what cannot be tied to one network and a known function
    "nets = [Generator(), Discriminator()]\nnets[0].apply(weights_init)": (UNKNOWN, UNKNOWN),
    "def main():\n    def f(m):\n        m.weight.data.normal_(0, 1)\n\n"
    "    netD = Discriminator()\n    netD.apply(f)": (OWN, UNKNOWN),
    BOTH + "for p in netG.parameters():\n    nn.init.normal_(p, 0, 0.02)": (UNKNOWN, OWN),
    "def start(opt):\n    netG = Generator()\n    initialize(netG, opt.scale)": (UNKNOWN, OWN),
    G + "initialize(netG, scale=1, depth=2)": (UNKNOWN, OWN),  # fails
    "def start(networks):\n    networks.D.apply(weights_init)\n\n\nstart(load())": (
        UNKNOWN,
        UNKNOWN,
    ),
    G + "if kind == 1:\n    netG.apply(weights_init)\nelse:\n    netG.apply(init_fn(kind))": (
        UNKNOWN,
        OWN,
    ),
    "class Trainer:\n    def __init__(self, G):\n        self.G = G\n"
    "        self.G.apply(weights_init)\n\n\nTrainer(load())": (UNKNOWN, UNKNOWN),
    BOTH + "torch.nn.init.orthogonal_(netD.main[0].weight)": (OWN, UNKNOWN),
    BOTH + "from torch.nn.init import orthogonal_\northogonal_(netD.main[0].weight)": (
        OWN,
        UNKNOWN,
    ),
    BOTH + "nn.init.normal(netG.main[0].weight)": (UNKNOWN, OWN),
    "def start(m):\n    m = load(m)\n    m.apply(weights_init)\n\n\nstart(Generator())": (
        UNKNOWN,
        OWN,
    ),
    "from imaginary import build\nnetG = build()\nnetG.apply(weights_init)": (UNKNOWN, UNKNOWN),
    BOTH + "netG.main[0].apply(weights_init)": (UNKNOWN, OWN),
    BOTH + "for m in netG.modules():\n    weights_init(m)": (UNKNOWN, OWN),
    BOTH + "netD.load_state_dict(torch.load('netD.pth'))": (OWN, UNKNOWN),
    "def start():\n    netD = Discriminator()\n    netD.apply(weights_init)\n"
    "    netD.load_state_dict(torch.load('D.pth'))": (OWN, UNKNOWN),
    # what is no drawing of these networks
    BOTH + "netG.eval()\nema = copy(netG)\nema.load_state_dict(netG.state_dict())": (OWN, OWN),
    BOTH + "if opt.resume:\n    netG.load_state_dict(torch.load(opt.resume))": (OWN, OWN),
    "def sample():\n    netG = Generator()\n    netG.load_state_dict(torch.load('G.pth'))": (
        OWN,
        OWN,
    ),
    BOTH + "netD.apply(set_eval)\nReversed.apply(netD(x))": (OWN, OWN),
    "def clean(table):\n    return table.apply(lambda row: row + 1)": (OWN, OWN),
    "import math\ntable = read()\ntable.apply(math.sqrt)\ntable.apply(str)": (OWN, OWN),
    "class Encoder(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n"
    "        self.f = nn.Linear(n, 2)\n        nn.init.normal_(self.f.weight)\n"
    "        self.apply(weights_init)\n\n\nnetE = Encoder(2)\nnetE.apply(weights_init)": (OWN, OWN),
    "noise = torch.empty(3)\nnn.init.normal_(noise)\nnoise.normal_()": (OWN, OWN),
}


@pytest.mark.parametrize("text", FILES)
def test_drawn_weights_are_those_of_their_network_or_unknown(text, tmp_path):
    path = tmp_path / "script.py"
    used = "netO = nn.Linear(1, 1)\ninitialize(netO)\napply_inner(netO, 1)\n"
    path.write_text(f"{NETWORKS}{used}{text}\n")
    classes = {"generator": "Generator", "discriminator": "Discriminator"}
    found = imported(path, classes, "z:8")
    data = yaml.safe_load(found.text)
    inits = [data[role].get("init") for role in classes]
    kinds = [UNKNOWN if isinstance(each, dict) else each for each in inits]
    assert tuple(kinds) == FILES[text], found.text
    assert found.is_equal == (UNKNOWN not in FILES[text])


def test_what_draws_the_weights_is_named_with_its_line(tmp_path):
    path = tmp_path / "script.py"
    used = "apply_inner(initialize(nn.Linear(1, 1)), 1)\n"
    path.write_text(f"{NETWORKS}netG = Generator()\nnetG.apply(build())\n{used}")
    found = imported(path, {"network": "Generator"}, "z:8")
    line = len(NETWORKS.splitlines()) + 2
    reason = f"weights are drawn by build, line {line}"
    assert yaml.safe_load(found.text)["generator"]["init"] == {"unknown": reason}
    assert found.warnings == [f"generator: not read: its initial weights; {reason}"]


def test_drawing_that_nothing_uses_is_told(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(f"{NETWORKS}def unused(m):\n    nn.init.normal_(m.weight)\n")
    found = imported(path, {"network": "Generator"}, "z:8")
    assert found.is_equal and "init" not in yaml.safe_load(found.text)["generator"]
    place = f"unused, line {len(NETWORKS.splitlines()) + 1}"
    note = f"generator: {place}, draws weights, but nothing in the file uses it"
    assert note in found.warnings


def test_a_long_script_is_read_in_time_that_grows_with_its_length(tmp_path, monkeypatch):
    counts, unparse, read = [], ast.unparse, []
    monkeypatch.setattr(ast, "unparse", lambda node: read.append(size(node)) or unparse(node))
    for length in (100, 200):
        path = tmp_path / "script.py"
        calls = "".join(f"a{i} = load({i})\nprint(a{i})\n" for i in range(length))
        path.write_text(f"{NETWORKS}netG = Generator()\n{calls}")
        read.clear()
        FillReader(path, ModuleType("script"), ["Generator"]).fills({"generator": "Generator"})
        counts.append(sum(read))
    assert counts[1] < 2.5 * counts[0]


def size(node):
    return sum(1 for _ in ast.walk(node))


def test_a_function_that_makes_a_network_draws_its_weights_itself(tmp_path):
    path = tmp_path / "script.py"
    body = "def make():\n    net = Generator()\n    initialize(net)\n    return net\n\n\n"
    path.write_text(f"{NETWORKS}{body}netG = apply_inner(nn.Linear(1, 1), 1)\n")
    found = imported(path, {"network": "make"}, "z:8")
    assert found.is_equal, found.warnings
    assert yaml.safe_load(found.text)["generator"]["init"] == "dcgan"


FITS = {
    "normal_(m.weight, 0, 0.05)": {"dcgan": 0.05},
    "orthogonal_(m.weight, 2 ** 0.5)": {"orthogonal": 2**0.5},
    "orthogonal_(m.weight, nn.init.calculate_gain('leaky_relu', 0.2))": {
        "orthogonal": (25 / 13) ** 0.5
    },
    "xavier_uniform_(m.weight, 0.5)": {"xavier": {"gain": 0.5}},
    "xavier_normal_(m.weight, 1 / 3)": {"xavier": {"distribution": "normal", "gain": 1 / 3}},
    "kaiming_normal_(m.weight, 0.01)": {"kaiming": {"distribution": "normal", "slope": 0.01}},
    "normal_(m.weight, 0.1, 0.05)": {"unknown": UNKNOWN_INIT},
}


@pytest.mark.parametrize("call", FITS)
def test_numbers_of_initial_weights_are_found(call, tmp_path):
    path = tmp_path / "script.py"
    layers = "nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 1)"
    path.write_text(
        f"from torch import nn\n\n\ndef critic():\n    net = nn.Sequential({layers})\n"
        "    for m in (net[0], net[3]):\n"
        f"        nn.init.{call}\n        nn.init.zeros_(m.bias)\n    return net\n"
    )
    found = imported(path, {"network": "critic"}, "x:3x8x8")
    assert yaml.safe_load(found.text)["discriminator"]["init"] == FITS[call]
