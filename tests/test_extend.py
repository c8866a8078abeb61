"""Kinds of the user's own: how they are loaded, what commands make of them, what runs keep.

The kinds are the examples of docs/extending.md and those in examples/kinds.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, own_kinds_forgotten
from typer.testing import CliRunner

import ganspec
from ganspec import extend
from ganspec.cli import app
from ganspec.commands import ORDER
from ganspec.compiler.lower import lower
from ganspec.importing.guesses import weightless
from ganspec.kinds_files import KindsError
from ganspec.program.receptive import receptive_fields

PAGE = (ROOT / "docs/extending.md").read_text("utf-8")
FILES = dict(re.findall(r"<!-- file: (\w+\.py) -->\n```python\n(.*?)^```", PAGE, re.M | re.S))
FILES |= {path.name: path.read_text("utf-8") for path in (ROOT / "examples/kinds").glob("*.py")}
SPECS = {
    "mine": """
name: mine
vars: {ch: 4}
data: {dataset: {discs: {count: 64}}, size: 8, channels: 3}
latent: {size: 4}
condition: {kind: classes, size: 2}
generator:
  condition: shift
  init: {uniform: 0.1}
  layers: [{identity: {as: w}}, {project: [ch, 8, 8]}, {celu: 0.5}, {styled: w},
    {pointwise: 3}, tanh]
discriminator:
  condition: shift
  normalization: standardized
  layers: [{conv: {out: ch, stride: 2, kernel: 1}}, blur, celu, flatten, {linear: 1}]
objective: {loss: {margin: 2.0}, penalty: drift}
optimizers: {nadam: 1e-3}
train: {batch: 8}
""",
    "copies": """
name: copies
data: {dataset: {discs: {count: 64}}, size: 8, channels: 3}
autoencoder: {layers: [{conv: 4}, celu, {conv: 3}, tanh]}
objective: {loss: mean_absolute_error}
optimizer: nadam
train: {batch: 8}
""",
    "tells": """
name: tells
data: {dataset: {discs: {count: 64}}, size: 8, channels: 3}
label: {kind: classes, size: 2}
classifier: {layers: [{pointwise: 4}, celu, flatten, {linear: 2}]}
objective: {loss: cross_entropy}
optimizer: nadam
train: {batch: 8}
""",
}
PLAIN = "name: plain\ndata: {dataset: shapes, size: 8}\nautoencoder: {layers: [{conv: 3}, tanh]}\n"
PLAIN += "objective: {loss: mean_squared_error}\noptimizer: adam\n"
LAYER = 'from ganspec.extend import Layer\n\n\nclass Mine(Layer, kind="mine"):\n    """Mine."""\n'
LAYER += "\n    def call(self, x):\n        raise NotImplementedError\n"
BATCH = LAYER.replace("Layer", "WeightNorm").replace('"mine"', '"batch"').replace("call", "wrap")
SCALE = '''from typing import ClassVar

from ganspec.extend import Call, Layer


def scale_images(x):
    """Divide each image by its largest number."""
    return x / x.abs().amax(dim=(1, 2, 3), keepdim=True)


class Scale(Layer, kind="scale_norm"):
    """Divides each image by its largest number."""

    role: ClassVar = "norm"

    def call(self, x):
        return Call(scale_images)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a working folder with the examples' files and specs that use them."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for name, text in SPECS.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "plain.yaml").write_text(PLAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANSPEC_KINDS", raising=False)
    return tmp_path


def run(*words, kinds=tuple(FILES), status=0):
    """Run a command as a new process would; return what it prints."""
    given = [word for file in kinds for word in ("--kinds", str(file))]
    with own_kinds_forgotten():
        result = CliRunner().invoke(app, [*map(str, words), *given])
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output


# -- every command ----------------------------------------------------------------------------


def test_a_kind_with_a_role_is_compared_as_ganspec_s_are(folder):
    roled = FILES["celu.py"]
    plain = roled.replace('    role: ClassVar = "activation"\n', "")
    assert plain != roled
    for text, place, edits in ((plain, "layers", "+1 -1"), (roled, "activations", "~1")):
        Path("celu.py").write_text(text)
        table = run("compare", "copies.yaml", "--rows=activations,layers", "--format=csv")
        (row,) = (line for line in table.splitlines() if "celu" in line)
        assert row.startswith(f"autoencoder {place},")
        Path("elu.yaml").write_text(SPECS["copies"].replace("celu", "elu"))
        assert f"autoencoder  {edits}\n" in run(
            "diff", "copies.yaml", "elu.yaml", "--stat", status=1
        )


def test_specs_are_checked_shown_built_and_compared(folder):
    names = [f"{name}.yaml" for name in SPECS]
    assert run("check", *names) == "".join(f"{name}: ok\n" for name in names)
    assert "no layer is called `celu`" in run("check", "mine.yaml", kinds=(), status=1)
    shown = run("show", "mine.yaml", "--receptive-field")
    assert "celu" in shown and "5 x 5" in shown  # blur over every second pixel
    assert "blur" in run("show", "mine.yaml", "--graph", "-o", "-")
    assert "celu" in run("show", "mine.yaml", "--mermaid")
    run("build", *names)
    for name in names:
        source = Path("generated", name).with_suffix(".py")
        assert "ganspec" not in source.read_text().partition('"""')[2].partition('"""')[2]
        subprocess.run([sys.executable, source, "--help"], check=True, capture_output=True)
    table = run("compare", "mine.yaml", "plain.yaml", "--all")
    assert all(
        word in table for word in ("discs", "margin 2", "nadam 1e-3", "standardized", "blur")
    )
    Path("other.yaml").write_text(SPECS["mine"].replace("margin: 2.0", "margin: 3.0"))
    assert "margin" in run("diff", "mine.yaml", "other.yaml", status=1)
    assert "2 classes" in run("data", "discs")
    run("new", "new.yaml")


def test_runs_are_trained_sampled_evaluated_and_reported(folder):
    for name in SPECS:
        run("train", f"{name}.yaml", "--steps", 2)
    run("train", "mine.yaml", "--steps", 3, "--resume")
    run("sample", "runs/mine", "-n", 4, "--label", "bright", "-o", "mine.png")
    scores = ["-m", "centre", "-n", 16, "--extractor", "runs/tells"]
    assert "centre" in run("evaluate", "runs/mine", *scores)
    run("report", "runs/mine", "runs/copies", "-o", "page.html")
    assert "margin" in Path("page.html").read_text()
    assert "mine" in run("compare", "runs/mine", "runs/copies")
    info = json.loads(Path("runs/mine/run.json").read_text())
    used = {kinds["name"] for kinds in info["kinds"]}
    assert used == set(FILES) - {"absolute.py", "centre.py"}
    assert used == {path.name for path in Path("runs/mine/kinds").iterdir()}
    assert Path("runs/mine/kinds/celu.py").read_text() == FILES["celu.py"]


def test_a_norm_of_ones_own_is_a_normalization(folder):
    """One file makes a norm layer or a weight norm a word of `normalization`."""
    Path("scale.py").write_text(SCALE)
    kinds = [*FILES, "scale.py"]
    own = "discriminator.normalization=[standardized, scale]"
    run("build", ROOT / "specs/dcgan.yaml", "--set", own, kinds=kinds)
    source = Path("generated/dcgan.py").read_text()
    assert "scale_images(x)" in source.replace("(h)", "(x)") and "standardize(nn.Conv2d" in source


def test_networks_are_imported_as_own_kinds(folder):
    text = "from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    text += "        super().__init__()\n        self.net = nn.Sequential(\n"
    text += "            nn.Conv2d(3, 4, 3, padding=1), nn.CELU(0.5), nn.Flatten(), "
    text += "nn.Linear(256, 1))\n\n    def forward(self, x):\n        return self.net(x)\n"
    Path("net.py").write_text(text)
    assert "celu: 0.5" in run("import", "net.py:Net", "--input", "x:3x8x8", "--stdout")


@pytest.mark.parametrize("command", [name.rstrip("_") for name in ORDER])
def test_every_command_offers_kinds(command):
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert "--kinds" in text and "my_layers.py" in text and "GANSPEC_KINDS" in text


# -- loading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (\n", "mine.py:1: '(' was never closed; correct this line of Python"),
        ("\nimport nowhere_to_be_found\n", "mine.py:2: ModuleNotFoundError: No module named"),
        ("\n\nraise SystemExit(3)\n", "mine.py:3: SystemExit: 3"),
        (LAYER.replace('"mine"', '"conv"'), "mine.py:4: layer kind `conv` is already defined in"),
        (LAYER.replace('"""Mine."""', "pass"), "mine.py:4: the layer `mine` has no docstring"),
        (
            BATCH,
            "mine.py:4: `normalization: batch` is already defined in ganspec.kinds.layers.batch",
        ),
        (LAYER * 2, "layer kind `mine` is already defined in ganspec_kinds_mine"),
    ],
)
def test_a_wrong_file_is_one_line(folder, text, message):
    Path("mine.py").write_text(text)
    said = run("check", "plain.yaml", kinds=["mine.py"], status=2)
    assert said.startswith("error: ") and message in said and said.count("\n") == 1
    assert "; " in said  # a fix
    with own_kinds_forgotten():
        with pytest.raises(KindsError):
            ganspec.load_kinds("mine.py")
        Path("mine.py").write_text(LAYER)  # nothing of the wrong file is left
        ganspec.load_kinds("mine.py")


def cell(text):
    """Run `text` as a notebook runs a cell: in the module `__main__`."""
    exec(compile(text, "<cell>", "exec", dont_inherit=True), {"__name__": "__main__"})


def test_a_cell_that_runs_again_replaces_its_kinds(folder):
    text = FILES["celu.py"]
    cell(text)
    old = ganspec.load("plain.yaml", ["autoencoder.layers.1=celu"])
    assert weightless()[-1] is type(old.autoencoder.layers[1])
    cell(text.replace("1.0", "3.0"))
    new = ganspec.load("plain.yaml", ["autoencoder.layers.1=celu"])
    again = old.with_values("train.batch", 7)
    assert [spec.autoencoder.layers[1].alpha for spec in (old, new, again)] == [1, 3, 3]
    assert weightless()[-1] is type(new.autoencoder.layers[1])  # nothing of the old one is cached
    assert "nn.CELU(3.0)" in ganspec.emit(new)
    taken = "layer kind `{}` is already defined in {}; choose another `kind=`"
    for other, *names in [
        (text.replace("class Celu", "class Other"), "celu", "__main__"),
        (text.replace('kind="celu"', 'kind="conv"'), "conv", "ganspec.kinds.layers.conv"),
    ]:
        with pytest.raises(TypeError, match=re.escape(taken.format(*names))):
            cell(other)
    Path("celu.py").write_text(text)
    with pytest.raises(KindsError) as caught:
        ganspec.load_kinds("celu.py")
    assert str(caught.value).endswith(": " + taken.format("celu", "__main__"))
    assert (
        ganspec.load("plain.yaml", ["autoencoder.layers.1=celu"]).autoencoder.layers[1].alpha == 3
    )


def test_a_missing_file_is_one_line(folder):
    said = run("check", "plain.yaml", kinds=["none.py"], status=2)
    assert said.startswith(
        "error: none.py: No such file or directory; --kinds, $GANSPEC_KINDS and "
    )
    assert "Is a directory" in run("check", "plain.yaml", kinds=["."], status=2)


def test_a_file_is_loaded_once(folder, monkeypatch):
    text = "import builtins\nbuiltins.loads_of_mine = getattr(builtins, 'loads_of_mine', 0) + 1\n"
    Path("mine.py").write_text(text + LAYER)
    Path("copy.py").write_text(text + LAYER)
    monkeypatch.setenv("GANSPEC_KINDS", os.pathsep.join(["mine.py", "copy.py"]))
    monkeypatch.setattr("builtins.loads_of_mine", 0, raising=False)
    run("check", "plain.yaml", kinds=["mine.py", "mine.py", folder / "mine.py"])
    import builtins

    assert builtins.loads_of_mine == 1
    with own_kinds_forgotten():
        ganspec.load_kinds("mine.py")
        Path("mine.py").write_text(LAYER)
        with pytest.raises(KindsError, match="has changed since it was loaded"):
            ganspec.load_kinds("mine.py")
    assert not list(folder.rglob("__pycache__"))


def test_files_come_from_the_environment_and_from_installed_packages(folder, monkeypatch):
    monkeypatch.setenv("GANSPEC_KINDS", os.pathsep.join(["celu.py", "pointwise.py", "discs.py"]))
    (folder / "installed" / "mine-1.dist-info").mkdir(parents=True)
    (folder / "installed" / "mine_nadam.py").write_text(FILES["nadam.py"])
    described = folder / "installed" / "mine-1.dist-info"
    (described / "METADATA").write_text("Name: mine\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[ganspec.kinds]\nmine = mine_nadam\n")
    command = [sys.executable, "-m", "ganspec"]
    environment = {**os.environ, "PYTHONPATH": "installed"}
    train = [*command, "train", "tells.yaml", "--steps", "1"]
    subprocess.run(train, env=environment, check=True, capture_output=True)
    assert (folder / "runs/tells/kinds/mine_nadam.py").read_text() == FILES["nadam.py"]
    bare = "from ganspec.extend import Layer\n\n\nclass Bare(Layer, kind='bare'):\n    pass\n"
    (folder / "installed" / "mine_nadam.py").write_text(bare)
    check = [*command, "check", "plain.yaml"]
    result = subprocess.run(check, env=environment, capture_output=True, text=True)
    said = "mine_nadam.py:4: the layer `bare` has no docstring; write one that describes it"
    assert result.returncode == 2 and said in result.stderr
    assert result.stderr.startswith("error: entry point mine (mine_nadam): ")
    (described / "entry_points.txt").write_text("[ganspec.kinds]\nmine = mine_nowhere\n")
    result = subprocess.run(check, env=environment, capture_output=True, text=True)
    assert result.returncode == 2
    assert "entry point mine (mine_nowhere): No module named 'mine_nowhere'" in result.stderr


@pytest.mark.true_process
def test_what_the_public_module_offers_is_there():
    assert all(getattr(extend, name) for name in extend.__all__)
    bases = {extend.Layer, extend.Loss, extend.Dataset, extend.Metric, extend.Criterion}
    assert all(base.__name__ in extend.__doc__ for base in bases)
    code = "import sys, ganspec.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# -- run folders ------------------------------------------------------------------------------


def test_a_run_never_executes_its_kinds_unasked(folder):
    Path("celu.py").write_text(FILES["celu.py"] + "open('executed', 'a').write('x')\n")
    run("train", "copies.yaml", "--steps", 1)
    Path("executed").unlink()
    kept = "add --kinds runs/copies/kinds/celu.py"
    rest = [name for name in FILES if name != "celu.py"]
    for words in (
        ["sample", "runs/copies"],
        ["evaluate", "runs/copies"],
        ["report", "runs/copies"],
        ["compare", "runs/copies", "plain.yaml"],
        ["diff", "runs/copies", "plain.yaml"],
    ):
        said = run(*words, kinds=rest, status=2)
        assert f"runs/copies needs kinds that are not loaded: {kept} (its code will be run)" in said
    assert not Path("executed").exists()
    run("sample", "runs/copies", "-n", 2, kinds=[*rest, "runs/copies/kinds/celu.py"])
    assert Path("executed").exists()


def test_kinds_of_a_python_session_are_named_if_they_are_missing(folder):
    """A notebook's kinds are in no file that a run could keep a copy of."""
    Path("session.py").write_text(
        "import ganspec\nfrom torch import nn\nfrom ganspec.extend import Call, Layer\n\n\n"
        'class Mine(Layer, kind="mine"):\n    """Mine."""\n\n'
        "    def call(self, x):\n        return Call(nn.CELU, 0.5)\n\n\n"
        'if __name__ == "__main__":\n'
        '    ganspec.train("own.yaml", "run", device="cpu", steps=1, progress=False)\n'
    )
    Path("own.yaml").write_text(PLAIN.replace("{conv: 3}", "mine, {conv: 3}"))
    subprocess.run([sys.executable, "session.py"], check=True)
    assert json.loads(Path("run/run.json").read_text())["kinds_not_kept"] == [
        {"family": "layer", "kind": "mine"}
    ]
    message = (
        "run needs the layer `mine`, defined outside files of kinds, as in a notebook or a "
        "package: import that code, or write it to a file and add --kinds FILE.py"
    )
    for words in (["sample", "run"], ["show", "run"], ["diff", "run", "plain.yaml"]):
        assert run(*words, kinds=(), status=2) == f"error: {message}\n"
    with pytest.raises(ganspec.RunError) as caught:
        ganspec.load("run")
    assert str(caught.value) == message
    assert "mine" in run("show", "run", kinds=["session.py"])


def test_a_run_goes_on_with_its_own_copies(folder):
    run("train", "copies.yaml", "--steps", 1)
    for name in FILES:
        Path(name).unlink()
    kept = sorted(Path("runs/copies/kinds").iterdir())
    run(
        "train",
        "runs/copies/spec.yaml",
        "--out",
        "runs/copies",
        "--resume",
        "--steps",
        2,
        kinds=kept,
    )
    run("train", "copies.yaml", "--steps", 1, "--overwrite", kinds=kept)
    assert sorted(Path("runs/copies/kinds").iterdir()) == kept
    assert kept[1].read_text() == FILES[kept[1].name]


def test_a_changed_file_is_said(folder):
    run("train", "copies.yaml", "--steps", 1)
    Path("celu.py").write_text(FILES["celu.py"].replace("2017", "2018"))
    said = run("sample", "runs/copies", "-n", 2)
    words = (
        "celu.py differs from runs/copies/kinds/celu.py, which the run used: load the run's copy"
    )
    assert words in said


def test_a_changed_file_of_another_name_is_said(folder):
    run("train", "copies.yaml", "--steps", 1)
    changed = Path("other.py")
    changed.write_text(FILES["celu.py"].replace("2017", "2018"))
    others = [name for name in FILES if name != "celu.py"]
    said = run("sample", "runs/copies", "-n", 2, kinds=[*others, changed])
    assert said.count("other.py differs from runs/copies/kinds, which the run used") == 1


def test_a_resume_with_changed_code_is_noted(folder):
    run("train", "copies.yaml", "--steps", 1)
    Path("celu.py").write_text(FILES["celu.py"].replace("2017", "2018"))
    run("train", "runs/copies/spec.yaml", "--out", "runs/copies", "--steps", 2, "--resume")
    info = json.loads(Path("runs/copies/run.json").read_text())
    (noted,) = info["changed_kinds"]
    assert noted["name"] == "celu.py" and noted["from_step"] == 1
    run("report", "runs/copies", "-o", "page.html")
    page, used = Path("page.html").read_text(), info["kinds"][0]
    assert f"{used['name']} ({used['sha256'][:8]})" in page and used["sha256"] not in page


def test_a_damaged_run_json_hides_nothing(folder):
    run("train", "copies.yaml", "--steps", 1, "--exact")
    Path("runs/copies/run.json").write_text("{")
    said = run("sample", "runs/copies", "-n", 2, kinds=[], status=2)
    assert "--kinds runs/copies/kinds/celu.py" in said
    Path("celu.py").write_text(FILES["celu.py"].replace("2017", "2018"))
    assert "celu.py differs from" in run("sample", "runs/copies", "-n", 2)
    state = torch.load("runs/copies/checkpoint.pt", weights_only=True)
    assert state["exact"] is True


# -- receptive fields -------------------------------------------------------------------------


def test_a_layer_needs_no_rule_for_its_receptive_field(folder):
    with own_kinds_forgotten():
        ganspec.load_kinds("blur.py")
        Path("blurred.yaml").write_text(PLAIN.replace("{conv: 3}", "blur, {conv: 3}, blur"))
        nets = lower(ganspec.load("blurred.yaml"))
        fields = receptive_fields(nets["autoencoder"])
    assert [field.size for field in fields.values()] == [(3, 3), (5, 5), (7, 7), (7, 7)]


def test_a_module_may_read_the_numbers_that_it_computes(folder):
    """Not so on the meta device, on which modules are built for their shapes."""
    text = FILES["blur.py"].replace(
        '    """Average over 3 x 3 pixels with the weights 1, 2, 1."""\n\n    def forward',
        '    """Blur."""\n\n    def __init__(self):\n        super().__init__()\n'
        "        self.size = (torch.ones(2) * 1.5).int()[0].item()\n\n    def forward",
    )
    Path("blur.py").write_text("import torch\n" + text)
    Path("blurred.yaml").write_text(PLAIN.replace("{conv: 3}", "blur, {conv: 3}"))
    assert "blur   3 x 8 x 8" in run("show", "blurred.yaml", kinds=["blur.py"])
    with own_kinds_forgotten():
        ganspec.load_kinds("blur.py")
        assert "blur" in [kind.kind for kind in weightless()]


def test_a_module_may_be_a_list_of_nothing(folder):
    """It is called as any other one, although Python takes an empty list for False."""
    text = FILES["blur.py"].replace("(nn.Module)", "(nn.ModuleList)")
    assert text != FILES["blur.py"]
    Path("blur.py").write_text(text)
    ganspec.load_kinds("blur.py")
    Path("blurred.yaml").write_text(PLAIN.replace("{conv: 3}", "blur, {conv: 3}"))
    network = ganspec.build(ganspec.load("blurred.yaml"))["autoencoder"]
    assert network(torch.rand(2, 3, 8, 8)).shape == (2, 3, 8, 8)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('raise ValueError("boom")', "discs: boom"),
        ('open("labels.txt")', "discs: there is no file labels.txt"),
        ('{}["boom"]', "KeyError: 'boom'"),
    ],
)
def test_an_error_of_a_data_set_names_the_line_of_its_file(folder, line, said):
    text = FILES["discs.py"]
    body = next(each for each in text.splitlines() if each.startswith("    "))
    Path("discs.py").write_text(text.replace(body, f"    {line}\n{body}", 1))
    number = text.splitlines().index(body) + 1
    kinds = [file for file in FILES if file in ("celu.py", "pointwise.py", "nadam.py")]
    output = run("train", "tells.yaml", "--steps", 1, kinds=["discs.py", *kinds], status=2)
    assert re.search(rf"error: \S*discs.py:{number}: {re.escape(said)}", output), output


UNSHUFFLE = """
from torch import nn
from ganspec.extend import Call, Layer, Value


class Unshuffle(Layer, kind="unshuffle"):
    '''Space to depth.'''

    def call(self, x: Value) -> Call:
        return Call(nn.PixelUnshuffle, 2, channels=x.channels * 4)


class Plain(Layer, kind="plain"):
    '''Space to depth, without a word about the channels.'''

    def call(self, x: Value) -> Call:
        return Call(nn.PixelUnshuffle, 2)
"""


@pytest.mark.parametrize("kind", ["unshuffle", "plain"])
def test_a_call_that_ignores_an_empty_batch_has_its_true_shape(folder, kind):
    """torch's PixelUnshuffle returns an empty batch as it is."""
    Path("unshuffle.py").write_text(UNSHUFFLE)
    layers = f"{kind}, {{conv: 12}}, {{pixel_shuffle: 2}}"
    Path("deep.yaml").write_text(PLAIN.replace("{conv: 3}", layers))
    shown = run("show", "deep.yaml", kinds=["unshuffle.py"])
    assert re.search(rf"{kind} +12 x 4 x 4", shown)


ARGUMENTS = '''from typing import ClassVar

import torch
from torch import nn

from ganspec.extend import *


def scaled(module, factor=1.0):
    """Multiply the module's weight."""
    module.weight.data.mul_(factor)
    return module


def init_constant(network, value=0.0):
    """Fill the weights of convolutions."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, value)


def square(numbers):
    """Return the mean square."""
    return numbers.square().mean()


def draw(folder, height, width, channels, count=1000):
    """Draw images of one colour each."""
    images = (7 * torch.arange(count * channels) % 256).byte().view(count, channels, 1, 1)
    return images.expand(-1, -1, height, width).contiguous(), torch.zeros(count).long()


class Scaled(WeightNorm, kind="scaled"):
    """Weights times a factor."""

    factor: Positive = 2.0

    def wrap(self):
        return Call(scaled, self.factor)


class Constant(Initializer, kind="constant"):
    """Weights of one value."""

    value: Positive = 0.5

    def call(self):
        return Call(init_constant, self.value)


class Descent(Optimizer, kind="descent"):
    """Gradient descent."""

    primary: ClassVar = "lr"
    lr: Positive = 0.25

    def call(self):
        return Call(torch.optim.SGD, self.lr)


class Squares(Criterion, kind="squares"):
    """Mean square of the differences and of their doubles."""

    targets: ClassVar = ("images",)

    @staticmethod
    def loss(outputs, targets, cfg):
        return square(outputs - targets) * 2 - square(targets - outputs)


class Colours(Dataset, kind="colours"):
    """Images of one colour."""

    load: ClassVar = staticmethod(draw)
    needs_folder: ClassVar = False
    size: ClassVar = (8, 8)
    channels: ClassVar = 3
    count: Count = 20


class Twice(Weighted, kind="twice"):
    """Two convolutions that read no weight norm."""

    def lower(self, net, x):
        for _ in range(2):
            x = net.add(Call(nn.Conv2d, 3, 3, 1), x)
        return x


class Method(Layer, kind="method"):
    """A call of a method."""

    def call(self, x):
        return Call(self.doubled)

    def doubled(self, x):
        return 2 * x
'''
ARGUED = """name: argued
data: {dataset: colours, size: 8}
autoencoder: {init: constant, normalization: scaled, layers: [{conv: 3}, tanh]}
objective: {loss: squares}
optimizer: descent
train: {batch: 8, epochs: 1}
"""


def test_arguments_and_expressions_of_kinds_reach_the_emitted_file(folder):
    """Positional arguments, defaults of fields, and helpers of one expression."""
    Path("arguments.py").write_text(ARGUMENTS)
    Path("argued.yaml").write_text(ARGUED)
    source = run("build", "argued.yaml", "-o", "-", kinds=["arguments.py"])
    assert "scaled(nn.Conv2d(3, 3, 3, padding=1), factor=2.0)" in source
    assert "init_constant(self, value=0.5)" in source and "lr=0.25" in source
    assert "count=20" in source and "(outputs - images).square()" in source
    run("train", "argued.yaml", "--exact", "--quiet", kinds=["arguments.py"])
    command = [sys.executable, "runs/argued/argued.py", "--out", "mine"]
    subprocess.run(command, check=True, capture_output=True)
    mine = torch.load("mine/weights.pt", weights_only=True)
    theirs = torch.load("runs/argued/checkpoint.pt", weights_only=True)["networks"]["autoencoder"]
    (mine,) = [mine] if "0.weight" in mine else mine.values()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[twice, {conv: 3}]", "`lower` of twice leaves out its weight norm"),
        ("[{conv: 3}, {twice: {weight_norm: none, init: zeros}}]", "leaves out its init"),
        ("[{conv: 3}, method]", "reads `self` in `Method.doubled`, a method"),
    ],
)
def test_kinds_that_would_have_no_effect_are_refused(folder, layers, message):
    Path("arguments.py").write_text(ARGUMENTS)
    Path("argued.yaml").write_text(ARGUED.replace("[{conv: 3}, tanh]", layers))
    assert message in run("check", "argued.yaml", kinds=["arguments.py"], status=1)


def test_a_data_set_without_an_option_for_a_field_is_one_line(folder):
    text = ARGUMENTS.replace(", count=1000)", ")").replace("count,", "9,").replace("(count)", "(9)")
    Path("arguments.py").write_text(text)
    Path("argued.yaml").write_text(ARGUED.replace("colours", "{colours: {count: 7}}"))
    said = run("data", "argued.yaml", kinds=["arguments.py"], status=2)
    fault = "`load` of colours takes no `count`, a field of the kind"
    assert said == f"error: {fault}: add it to the parameters of `load`\n"
