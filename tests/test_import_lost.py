"""Import of code that does more than its layers: it is read, unknown or reported, never lost."""

from __future__ import annotations

import pytest
import yaml
from test_import import imported, run

HEAD = """
import copy
import random
import torch
from torch import nn
import a_package_that_nobody_has


class Net(nn.Module):
    def __init__(self, width=8, slope=0.2):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 4, 2, 1)
        self.act = nn.LeakyReLU(slope)
        self.flat = nn.Flatten()
        self.out = nn.Linear(width * 64, 1)
        self.setup()

    def setup(self):
        pass

    def forward(self, x):
        return self.out(self.flat(self.act(self.conv(x))))


class Mine(Net):
"""
LOST = {
    "def forward(self, x):\n        with torch.no_grad():\n"
    "            self.out.weight.clamp_(-0.01, 0.01)\n"
    "        return super().forward(x)": "weights that calls change: out.weight",
    "def forward(self, x):\n        if self.training:\n            with torch.no_grad():\n"
    "                self.out.weight.clamp_(-0.01, 0.01)\n"
    "        return super().forward(x)": "weights that calls change: out.weight",
    "def forward(self, x):\n        if random.random() < 0.05:\n            x = x.flip(3)\n"
    "        return super().forward(x)": "random numbers that are not torch's",
    "def setup(self):\n        self.double()\n\n"
    "    def forward(self, x):\n        return super().forward(x.double()).float()": "",
    "def forward(self, x):\n        if not self.training:\n            x = x.clamp(-6, 6)\n"
    "        return super().forward(x)": "for inputs 10 times as large",
    "def setup(self):\n        nn.utils.spectral_norm(self.conv)\n\n"
    "    def forward(self, x):\n        if x.requires_grad:\n"
    "            x.register_hook(lambda g: g / 10)\n"
    "        return super().forward(x)": "outputs are equal, but not their gradients",
    "def setup(self):\n        nn.utils.spectral_norm(self.conv)\n"
    "        self.bn = nn.BatchNorm2d(8)\n\n"
    "    def train(self, mode=True):\n        super().train(mode)\n        self.bn.eval()\n"
    "        return self\n\n    def forward(self, x):\n"
    "        return self.out(self.flat(self.bn(self.conv(x))))": (
        "modules that stay in evaluation mode while training: bn"
    ),
    "def setup(self):\n        self.deep = nn.Conv2d(8, 8, 3, padding=1)\n"
    "        self.copy = copy.deepcopy(self.deep)\n\n    def forward(self, x):\n"
    "        h = self.copy(self.deep(self.act(self.conv(x))))\n"
    "        return self.out(self.flat(h))": "not read: its initial weights",
}
TOLD = {
    "def forward(self, x, noise=0.0):\n"
    "        return super().forward(x)": "read with the defaults of `forward` for `noise`",
    "pass\n\n\nnet = Mine(width=16)": "line {line} makes it with width=16: add --with width=16",
    "pass\n\n\nnet = Mine(8, slope=0.1)": "makes it with slope=0.1: add --with slope=0.1",
    "def setup(self):\n        self.head = nn.Linear(512, 5)\n\n    def forward(self, x):\n"
    "        h = self.flat(self.act(self.conv(x)))\n        return self.out(h), self.head(h)": (
        "its further output of 5 is read as scores of classes"
    ),
}
SAME = (
    "def forward(self, x):\n        isinstance(x.data, torch.Tensor)\n"
    "        y = super().forward(x)\n        self.last = y.detach().mean()\n        return y",
    "pass\n\n\nnet = Mine(8, slope=0.2)\nwidth = 8",
)


def read(tmp_path, body):
    path = tmp_path / "script.py"
    path.write_text(f"{HEAD}    {body}\n")
    return imported(path, {"discriminator": "Mine"}, "x:1x16x16"), path


@pytest.mark.parametrize("body", LOST)
def test_what_no_layer_says_is_not_lost(body, tmp_path):
    found, _ = read(tmp_path, body)
    assert not found.is_equal
    assert LOST[body] in " ".join([*found.warnings, *found.verified.values()])


@pytest.mark.parametrize("body", TOLD)
def test_what_the_spec_takes_for_granted_is_told(body, tmp_path):
    found, path = read(tmp_path, body)
    assert found.is_equal, found.warnings
    wanted = TOLD[body].format(line=len(path.read_text().splitlines()))
    assert any(wanted in warning for warning in found.warnings), found.warnings


@pytest.mark.parametrize("body", SAME)
def test_what_changes_nothing_is_not_told(body, tmp_path):
    found, _ = read(tmp_path, body)
    assert found.is_equal and not found.warnings, found.warnings


def test_a_later_value_of_a_name_is_not_the_one_that_networks_are_made_with(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        f"slope = 0.3\n{HEAD}    def setup(self):\n"
        "        self.act = nn.LeakyReLU(slope)\n\n\nnet = Mine()\nslope = 0.1\n"
    )
    found = imported(path, {"discriminator": "Mine"}, "x:1x16x16")
    assert {"leaky_relu": 0.3} in yaml.safe_load(found.text)["discriminator"]["layers"]


def test_options_that_are_parsed_below_the_networks_are_known(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        f"{HEAD}    def setup(self):\n        self.act = nn.LeakyReLU(opt.slope)\n\n\n"
        "import argparse\n\nparser = argparse.ArgumentParser()\n"
        "group = parser.add_argument_group('network')\n"
        "group.add_argument('--slope', type=float, default=0.3)\n"
        "opt = parser.parse_args()\nprint(opt)\n"
    )
    found = imported(path, {"discriminator": "Mine"}, "x:1x16x16")
    assert {"leaky_relu": 0.3} in yaml.safe_load(found.text)["discriminator"]["layers"]


@pytest.mark.parametrize("dim", ["dim=-1", "dim=1", ""])
def test_a_softmax_over_the_last_dimension_of_vectors_is_one_over_channels(dim, tmp_path):
    path = tmp_path / "script.py"
    parts = f"nn.Flatten(), nn.Linear(256, 10), nn.Softmax({dim})"
    path.write_text(f"from torch import nn\n\n\ndef net():\n    return nn.Sequential({parts})\n")
    found = imported(path, {"network": "net"}, "x:1x16x16")
    assert found.is_equal
    assert yaml.safe_load(found.text)["classifier"]["layers"][-1] == "softmax"


def test_a_true_that_is_meant_as_inplace_is_the_number_1(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(f"{HEAD}    def setup(self):\n        self.act = nn.ELU(True)\n")
    found = imported(path, {"discriminator": "Mine"}, "x:1x16x16")
    assert found.is_equal
    assert "elu" in yaml.safe_load(found.text)["discriminator"]["layers"]


LINES = {
    "def setup(self):\n        self.out = nn.LazyLinear(1)": "error: ",
    "def setup(self):\n        a_package_that_nobody_has.log()": (
        "NameError: name 'a_package_that_nobody_has' is not defined (its import failed: No module"
    ),
    "def setup(self):\n        self.drop = nn.Dropout(opt.rate)\n\n\nopt = parse()": (
        "line 27: NameError: name 'opt' is not defined (line 30, which makes it, is below"
    ),
    "def state_dict(self, *args, **kwargs):\n        return {'a': {'b': 1}}": "error: ",
    "def forward(self, x):\n        return self.out(x.view(64, -1))": "code fixes no batch size",
    "pass\n\n\nnet = Mine()\nHere = 1": "`Here` is made by a statement, line",
    "pass\n\n\ndef main():\n    class Here(nn.Module):\n        pass": "no network at the top",
}


@pytest.mark.parametrize("body", LINES)
def test_what_cannot_be_read_is_one_line(body, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(f"{HEAD}    {body}\n")
    name = "Here" if "Here" in body else "Mine"
    result = run(str(path), "--discriminator", name, "--input", "x:1x16x16", "--stdout")
    assert result.exit_code in (1, 2), result.output
    last = result.stderr.strip().splitlines()[-1]
    assert LINES[body] in last and "Traceback" not in result.output, result.output


@pytest.mark.parametrize("name", ["Mien", "Mine", "Here", "Inner"])
def test_what_is_below_the_networks_is_not_run_for_any_name(name, tmp_path):
    path, trace = tmp_path / "script.py", tmp_path / "trained"
    here = "pass\n\n\nif Mine:\n    class Here(Mine):\n        pass"
    inner = "def inner():\n    class Inner(Mine):\n        pass"
    train = f"open({str(trace)!r}, 'w')"
    head = f"from __future__ import annotations\n{HEAD}"
    path.write_text(f"{head}    {here}\n\n\n{inner}\n\n\n{train}\n")
    result = run(f"{path}:{name}", "--input", "x:1x16x16", "--stdout")
    said = {"Mien": "no network `Mien`; it has: Mine", "Inner": "no network at the top level"}
    assert said.get(name, "equal outputs") in result.output
    assert not trace.exists()
