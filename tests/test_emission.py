"""Emitted files with users' own kinds: complete, runnable, and equal to memory bit for bit."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, SPECS, assert_same_weights, run_source

import ganspec
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.systems import checkpoint

BASE = """
name: small
vars: {{ch: 4, z: 6}}
data: {{dataset: {{shapes: {{count: 16}}}}, size: 8}}
latent: {{size: z}}
blocks: {blocks}
generator: {{layers: {generator}}}
discriminator: {{layers: {discriminator}}}
objective: {objective}
optimizers: {{adam: {{lr: 1e-3}}}}
train: {{batch: 4}}
"""
PLAIN = {
    "blocks": "{}",
    "generator": "[{project: [3, 8, 8]}, tanh]",
    "discriminator": "[flatten, {linear: 1}]",
    "objective": "{loss: hinge}",
}


@pytest.fixture(autouse=True, scope="module")
def own_kinds():
    """Register the kinds of `own_kinds.py`. After the tests, forget them and those of the tests."""
    families = [kinds_of(family) for family in ("layer", "loss", "penalty", "initializer")]
    before = [dict(kinds) for kinds in families]
    importlib.import_module("own_kinds")
    yield
    sys.modules.pop("own_kinds")
    for kinds, known in zip(families, before, strict=True):
        for name in set(kinds) - set(known):
            del kinds[name]


@pytest.fixture
def add_kind(tmp_path, monkeypatch):
    """Return a function that writes a Python file with a kind and imports it."""

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.import_module(name)

    return write


def spec_with(more="", **parts):
    return loads(BASE.format(**PLAIN | parts) + more)


def check_equal(spec, tmp_path, monkeypatch):
    """Train in memory and by the emitted file; return its source."""
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=4, exact=True)
    weights = checkpoint.load(run.checkpoint_path)["networks"]
    source = ganspec.emit(spec)
    check_names(source, tmp_path)
    module = run_source(source)
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["it", "--steps=4", f"--out={out}", "--device=cpu"])
    module.main()
    emitted = torch.load(out / "weights.pt", weights_only=True)
    for key in weights:
        assert_same_weights(weights[key], emitted[key])
    assert "ganspec." not in source and "cfg." not in source
    return source


def check_names(source, tmp_path):
    """No name is read that nothing defines, or defined twice, or imported in vain."""
    path = tmp_path / "emitted.py"
    path.write_text(source)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", str(path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_modules_bring_the_constants_classes_and_functions_of_their_file(tmp_path, monkeypatch):
    layers = "[{project: [4, 8, 8]}, unit_pixels, noise, plus, {conv: 3}, tanh]"
    source = check_equal(spec_with(generator=layers), tmp_path, monkeypatch)
    lines = source.splitlines()
    assert lines.index("TINY = 1e-3") < lines.index("SMALL, HALF = 2 * TINY, 0.5")
    assert 'COUNTS["two"] = 2' in lines
    assert (
        "BATCH = 4" in lines and "BATCH2 = 0.125  # also the name of a setting of training" in lines
    )


def test_functions_with_widths_hold_at_other_widths(tmp_path, monkeypatch):
    layers = "[{linear: 2 * ch}, {head: ch}, {project: [3, 8, 8]}, tanh]"
    source = check_equal(spec_with(generator=layers), tmp_path, monkeypatch)
    assert "self.ch = ch" in source and "size=self.ch, offsets=(self.ch, 1))" in source
    generator = run_source(source).Generator(ch=2)
    assert generator(torch.zeros(1, 6)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("penalty", ["null", "shared_names", "gradient"])
@pytest.mark.parametrize("loss", ["common_names", "inner_functions", "hinge"])
def test_losses_and_penalties_with_common_names(loss, penalty, tmp_path, monkeypatch):
    objective = f"{{loss: {loss}, penalty: {penalty}, clip: 0.5, scale: 0.5}}"
    source = check_equal(spec_with(objective=objective), tmp_path, monkeypatch)
    if (loss, penalty) == ("common_names", "shared_names"):
        assert "LOSS_MARGIN = 1.5\n" in source and "PENALTY_MARGIN = 0.25\n" in source
        assert "LOSS_CLIP" in source or "CLIP2" in source
        assert source.count("def helper") == 2


def test_settings_keep_their_names_where_nothing_clashes():
    source = ganspec.emit(spec_with(objective="{loss: hinge, penalty: {gradient: 3}}"))
    assert "PENALTY_WEIGHT = 3.0\n" in source


NAMES = [
    *("gaussian_noise", "batches", "path", "image", "main", "update", "f", "np", "generator"),
    *("save_grid", "train_step", "adam_eps_hat", "partial", "value_error", "simple_namespace"),
]


@pytest.mark.parametrize("name", [n for n in NAMES if n != "partial"])
def test_blocks_of_any_name(name, tmp_path, monkeypatch):
    blocks = f"{{{name}: {{params: [c], layers: [{{conv: c}}, relu]}}}}"
    layers = f"[{{project: [3, 8, 8]}}, noise, updated, {{{name}: 3}}, tanh]"
    source = check_equal(spec_with(blocks=blocks, generator=layers), tmp_path, monkeypatch)
    assert "def save_grid2(x)" in source


BAD = """
from typing import ClassVar
import torch
from ganspec.kinds.loss import Loss
{head}
def real_loss(scores, cfg):
    return {value}
def fake_loss(scores, cfg):
    return scores.mean()
class Bad(Loss, kind="{kind}"):
    "A loss that cannot be emitted."
    real_loss: ClassVar = staticmethod(real_loss)
    fake_loss: ClassVar = staticmethod(fake_loss)
    generator_loss: ClassVar = staticmethod(fake_loss)
    {field}
"""


HELPER = """def helper(scores):
    from ganspec.program.ir import plain
    return scores
"""


@pytest.mark.parametrize(
    ("kind", "head", "value", "said"),
    [
        ("unknown_name", "", "scores.mean() * missing", "missing"),
        ("names_itself", "", "scores.mean() * Bad.weight", "Bad"),
        ("of_ganspec", "import ganspec.program.ir as ir", "ir.plain(scores.mean())", "ir"),
        ("of_a_file", "import own_kinds", "scores.mean() * bool(own_kinds)", "own_kinds"),
        ("imports_inside", HELPER, "helper(scores.mean())", "ganspec.program.ir"),
        ("set_later", "globals()['late'] = 2", "scores.mean() * late", "late"),
        ("unknown_field", "", "scores.mean() * cfg.wieght", "wieght"),
        ("where_it_lies", "", "scores.mean() * len(__file__)", "__file__"),
        ("backslash", "", "scores.mean() * len(f'{str(cfg.slash)}')", "backslash within"),
    ],
)
def test_a_text_that_lacks_something_is_an_error_of_its_kind(kind, head, value, said, add_kind):
    field = "weight: float = 1.0" if kind != "backslash" else r"slash: str = 'a\\b'"
    add_kind(kind, BAD.format(kind=kind, head=head, value=value, field=field))
    spec = spec_with(objective=f"{{loss: {kind}}}")
    for command in (ganspec.emit, ganspec.check):
        with pytest.raises(ganspec.SpecError) as raised:
            command(spec)
        (finding,) = raised.value.diagnostics
        assert finding.code == "unfit-kind" and finding.mark
        is_named = f"loss `{kind}`" in finding.message or f"{kind} ({kind}.py)" in finding.message
        assert is_named and f"{kind}.py" in finding.message
        assert f"`{said}`" in finding.message or said in finding.message


def test_a_missing_field_is_told_of_a_kind_that_is_not_tried(add_kind):
    """Its file may keep state between calls."""
    head = "TABLE = {}\ndef keep():\n    TABLE[0] = 1"
    text = BAD.format(kind="keeps", head=head, value="scores.mean() * cfg.wieght", field="")
    add_kind("keeps", text)
    with pytest.raises(ganspec.SpecError) as raised:
        ganspec.emit(spec_with(objective="{loss: keeps}"))
    (finding,) = raised.value.diagnostics
    assert "keeps.py reads `cfg.wieght`, which is not set" in finding.message
    assert finding.help == "add the field to the kind, such as `wieght: float = 1.0`"


def test_a_text_is_emitted_a_second_time_as_the_first_time(add_kind):
    """The annotation names a class that the file does not have."""
    head = "def helper(scores) -> Loss:\n    scores = 2 * scores\n    return scores.mean()"
    text = BAD.format(kind="annotated", head=head, value="helper(scores)", field="")
    add_kind("annotated", text)
    spec = spec_with(objective="{loss: annotated}")
    first, second = ganspec.emit(spec), ganspec.emit(spec)
    assert first == second and "def helper(scores):\n" in first


def test_a_package_of_which_a_module_is_imported_gets_another_name(add_kind):
    """`import os.path as os2` would bind the module, not the package."""
    value = "scores.mean() * len(os.path.sep) * (lambda os: os)(1)"
    add_kind("dotted", BAD.format(kind="dotted", head="import os.path", value=value, field=""))
    source = ganspec.emit(spec_with(objective="{loss: dotted}"))
    assert "import os as os2\nimport os.path\n" in source and "len(os2.path.sep)" in source


SHOWN = [
    ("f'{str(cfg.text)}|{len(cfg.text):02d}'", "it"),
    ('f"{str(cfg.text)}|"', "it's"),
    ("f'{str(cfg.text)}'", 'a"b'),
    ("f'{2.5:{cfg.text}}'", ">12.3f"),
    ("'ab' f'{str(cfg.text)}' f'{2.5:{len(cfg.text)}.1f}'", "abcdef"),
    ("f\"{f'{cfg.text}':>20}|{', '.join(['a', 'b'])}\"", "abcdef"),
    ("f'{cfg.text!r:>8}{{}}{1 + 1=}'", "it's"),
]


@pytest.mark.parametrize(("shown", "text"), SHOWN)
def test_known_texts_in_f_strings(shown, text, tmp_path, monkeypatch, add_kind):
    kind = f"shown{[s for s, _ in SHOWN].index(shown)}"
    value = f"-scores.mean() * sum(map(ord, {shown}))"
    source = BAD.format(kind=kind, head="", value=value, field=f"text: str = {text!r}")
    add_kind(kind, source)
    check_equal(spec_with(objective=f"{{loss: {kind}}}"), tmp_path, monkeypatch)


FUNCTIONS = """
from functools import partial
import torch
from ganspec.extend import Call, Layer, Value
def scaled(x, by):
    return x * by
double = lambda x: x * 2
triple = partial(scaled, by=3)
class Odd:
    def __call__(self, x):
        return x
class Applied(Layer, kind="{kind}"):
    "A layer of a function that no statement defines."
    def call(self, x: Value) -> Call:
        return Call({function})
"""


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("alone", "lambda x: x * 2"),
        ("with_a_name", "double"),
        ("bound_at_the_top", "triple"),
        ("bound", "partial(scaled, by=3)"),
        ("of_a_tensor", "torch.Tensor.abs"),
    ],
)
def test_functions_that_no_statement_defines(kind, function, tmp_path, monkeypatch, add_kind):
    add_kind(kind, FUNCTIONS.format(kind=kind, function=function))
    layers = f"[{{project: [3, 8, 8]}}, {kind}, tanh]"
    check_equal(spec_with(generator=layers), tmp_path, monkeypatch)


@pytest.mark.parametrize(("kind", "function"), [("odd", "Odd()"), ("mapped", "torch.vmap(abs)")])
def test_functions_without_a_text_are_an_error(kind, function, add_kind):
    add_kind(kind, FUNCTIONS.format(kind=kind, function=function))
    spec = spec_with(generator=f"[{{project: [3, 8, 8]}}, {kind}, tanh]")
    with pytest.raises(ganspec.SpecError, match=f"the layer `{kind}` cannot be emitted"):
        ganspec.emit(spec)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("own_plain", "if isinstance(m, (nn.Linear, nn.Embedding)): nn.init.ones_(m.weight)"),
        (
            "own_bias",
            "if isinstance(m, nn.Linear): m.bias = None\n"
            "        if isinstance(m, nn.Linear) and m.bias is None: nn.init.ones_(m.weight)",
        ),
        ("own_pattern", "match m:\n            case nn.Linear() as m: nn.init.ones_(m.weight)"),
    ],
)
def test_own_initializers_are_not_settled(kind, body, tmp_path, monkeypatch, add_kind):
    text = f"""
from torch import nn
from ganspec.extend import Call, Initializer
def init_own(network):
    for m in network.modules():
        {body}
class Own(Initializer, kind="{kind}"):
    "Weights of one's own."
    def call(self) -> Call:
        return Call(init_own)
"""
    add_kind(kind, text)
    spec = spec_with(generator=f"[{{project: [3, 8, 8]}}, tanh], init: {kind}")
    check_equal(spec, tmp_path, monkeypatch)


def test_a_penalty_cannot_have_a_field_called_as_what_it_is_told(add_kind):
    text = """
from typing import ClassVar
from ganspec.kinds.penalties.gradient import gradient_penalty
from ganspec.kinds.penalty import Penalty
class Told(Penalty, kind="told"):
    "A penalty with the name of a fact."
    penalty: ClassVar = staticmethod(gradient_penalty)
    auxiliary: bool = True
"""
    add_kind("told_penalty", text)
    with pytest.raises(ganspec.SpecError, match="auxiliary"):
        ganspec.check(spec_with(objective="{loss: hinge, penalty: told}"))


LONGEST = {"dcgan_cifar32": 277}  # as PyTorch's DCGAN example


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_emitted_files_are_short_and_complete(path, tmp_path):
    spec = ganspec.load(path)
    source = (ROOT / "generated" / f"{spec.name}.py").read_text()
    check_names(source, tmp_path)
    longest = LONGEST.get(spec.name, 330)
    assert len(source.splitlines()) <= longest or spec.draws is None


@pytest.mark.parametrize("name", ["vae_fashion", "classifier_fashion", "wgan_gp", "sagan"])
def test_an_emitted_program_obeys_its_options(name):
    """A test of the text, as a program that ignores `--steps 0` trains for hours."""
    source = (ROOT / "generated" / f"{name}.py").read_text()
    assert "epoch if args.steps is None else args.steps\n" in source
    # not the folder of `ganspec train`, which would refuse the program's files
    assert f'default=Path("out") / "{name}")' in source
