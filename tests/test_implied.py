"""Values that a report prints, implies, or leaves to its framework: each is one of these.

`printed_facts.yaml` lists what the reports print, independently of the specs.
"""

from __future__ import annotations

import json
import re

import pytest
import yaml
from conftest import ROOT
from test_report_page import make_run
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.lower import lower
from ganspec.kinds.layers.identity import Identity
from ganspec.language.parts import HOLDER, SpecPart, parts_of
from ganspec.report import table
from ganspec.report.run_files import write_report
from ganspec.systems.implied import Implied
from ganspec.systems.load import loads
from ganspec.systems.spec import Spec

FACTS = yaml.safe_load((ROOT / "tests" / "printed_facts.yaml").read_text("utf-8"))

# arguments of the frameworks' own layers and optimizers: a report that names its framework and
# passes nothing has the framework's default
ARGUMENTS = {
    *("bias", "dilation", "groups", "output_padding", "split", "stride", "channels", "active"),
    *(
        "eps",
        "momentum",
        "statistics",
        "scale",
        "center",
        "affine",
        "power_iterations",
        "mode",
        "padding",
    ),
    *("betas", "weight_decay", "eps_hat", "alpha", "form", "of"),
}
OUTSIDE = ("report", "evaluate")  # claims, and measurements of them
BOUNDS = ("train.pictures", "train.snapshots")  # on what a run keeps; they change no step


def spec_of(name: str) -> Spec:
    return ganspec.load(ROOT / "specs" / f"{name}.yaml")


def choices(part: SpecPart) -> list[SpecPart]:
    """Return a value, a section's values, or the kinds that a part holds, without their fields."""
    lists = [p for p in part.parts if p.parts and p.parts[0].path.rpartition(".")[2].isdigit()]
    if part.value is HOLDER:
        return [value for inner in part.parts for value in choices(inner)]
    return [part, *(value for inner in lists for value in choices(inner))]


def framework_values(spec: Spec, root: SpecPart) -> set[SpecPart]:
    """Return the arguments of layers and optimizers at the framework's defaults."""
    given = set()
    for kind in (part for part in root.values() if part.kind and part.kind.family != "loss"):
        usual = type(kind.kind).defaults(spec.framework)
        for part in kind.parts:
            default = usual.get(part.name) if part.name in ARGUMENTS else HOLDER
            if isinstance(default, tuple):
                default = default[int(part.path.rpartition(".")[2])]
            if part.value == default:
                given.add(part)
    return given


def ineffective(spec: Spec, root: SpecPart) -> set[SpecPart]:
    """Return values that are off, or change nothing in this spec."""
    paths = ["train.seed", "train.keep", "generator.reshape.shape.0"]  # what the input has
    latent, train = getattr(spec, "latent", None), spec.train
    paths += ["latent.range"] if latent and latent.distribution == "normal" else []
    loss = getattr(spec.objective, "loss", None)
    paths += ["objective.loss.eps"] if getattr(loss, "eps", None) == 0 else []
    paths += ["data.resize"] if spec.data.size is None else []
    paths += ["objective.l2"] if spec.draws else []
    if spec.draws and train.steps.discriminator == 1:
        paths += ["train.batches"]
    if spec.draws and spec.labelled is None:
        paths += ["train.labels"]
    settings = [f"{network}.init" for network in spec.networks]  # None: the framework's own
    off = {p for p in root.values() if p.value is None or p.value is False}
    off = {part for part in off if part.path not in settings}
    named = (value for path in paths for part in root.named(path) for value in part.values())
    return off | set(named) | vanished(spec, root)


def vanished(spec: Spec, root: SpecPart) -> set[SpecPart]:
    """Return the layers `norm` that stand for no layer."""
    empty = [n for n in spec.networks if spec.network(n).activation_norm == Identity()]
    norms = (part for part in root.values() if part.kind and part.kind.kind == "norm")
    return {part for part in norms if part.path.partition(".")[0] in empty}


@pytest.mark.parametrize("name", FACTS)
def test_a_spec_has_what_its_report_prints(name):
    implied = Implied(spec_of(name))
    gone = vanished(implied.spec, implied.root)
    for path, printed, place in FACTS[name]:
        parts = [each for part in implied.root.named(path) for each in choices(part)]
        parts = [part for part in parts if part not in gone]
        found = [part.value for part in parts if not (part.kind and part in implied.values)]
        words = printed.split() if path.endswith(".layers") else printed
        wanted = words if isinstance(words, list) else [words] * max(len(found), 1)
        assert found == wanted, (path, place)
        assert not [part.path for part in parts if not part.kind and part in implied.values], path


@pytest.mark.parametrize("name", FACTS)
def test_no_value_of_a_report_is_neither_printed_nor_implied(name):
    spec = spec_of(name)
    implied = Implied(spec)
    root = implied.root
    named = (part for path, *_ in FACTS[name] for part in root.named(path))
    printed = {each for part in named for each in choices(part)} - set(implied.values)
    rest = [part for part in root.values() if part.path.partition(".")[0] not in OUTSIDE]
    rest = [part for part in rest if part.path not in BOUNDS]
    known = printed | set(implied.values) | framework_values(spec, root) | ineffective(spec, root)
    assert [f"{part.path} = {part.value}" for part in rest if part not in known] == []


def test_the_sixteen_systems_have_facts():
    reports = {
        p.stem for p in (ROOT / "specs").glob("*.yaml") if "Report 00" in p.read_text("utf-8")
    }
    assert set(FACTS) >= reports and len(FACTS) == 16


# -- paths ------------------------------------------------------------------------------------

TINY = """
name: tiny
vars: {ch: 4}
data: {dataset: shapes, size: 8}
latent: {size: 5}
generator:
  layers:
    - project: [ch, 2, 2]
    LAYERS
    - conv: 3
discriminator: {layers: [{conv: {out: 2, stride: 2}}, flatten, {linear: 1}]}
objective: {loss: {non_saturating: {real_target: 0.9}}}
optimizers: {adam: {lr: 1e-4, betas: [0.5, 0.9]}}
"""
REPEATED = """\
- repeat:
        with: {c: [8, 6]}
        layers: [{conv_transpose: {out: c, stride: 2}}, {leaky_relu: 0.2}]"""
WRITTEN_OUT = """\
- conv_transpose: {out: 8, stride: 2}
    - leaky_relu: 0.2
    - conv_transpose: {out: 6, stride: 2}
    - leaky_relu: 0.2"""
NAMED = {
    "latent.size": [5],
    "optimizers.lr": [1e-4, 1e-4],
    "optimizers.betas.1": [0.9, 0.9],
    "optimizers.generator.betas.1": [0.9],
    "objective.loss.reads": ["logits"],
    "objective.loss.non_saturating.real_target": [0.9],
    "objective.loss.hinge.reads": [],
    "generator.leaky_relu": ["leaky_relu", 0.2, "leaky_relu", 0.2],
    "generator.leaky_relu.slope": [0.2, 0.2],
    "generator.conv_transpose.out": [8, 6],
    "generator.conv_transpose.-1.out": [6],
    "generator.conv_transpose.2.out": [],
    "generator.layers.1": [],  # layers are counted by kind, since others come and go
    "generator.project.shape.0": [4],
    "discriminator.out": [2, 1],
    "train.iterations": [None],
    "train.generator": [1, None],  # of `steps` and of `skip`
    "out": [],
    "generator.": [],
}


@pytest.mark.parametrize("layers", [REPEATED, WRITTEN_OUT])
@pytest.mark.parametrize("path", NAMED)
def test_a_path_names_the_same_in_every_spelling(layers, path):
    root = parts_of(loads(TINY.replace("LAYERS", layers)))
    values = [value for part in root.named(path) for value in part.values()]
    own = [part.value for part in values if part.name not in ("norm", "init")]
    assert own == NAMED[path]


def test_layers_of_a_block_are_named_by_its_calls():
    root = parts_of(spec_of("classifier_iclevr"))
    assert len(root.named("classifier.basic_block")) == 5
    assert [p.value for p in root.named("classifier.down_block.1.conv.out")] == [256] * 3


def test_a_path_that_names_nothing_is_an_error(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(
        f"extends: {ROOT / 'specs/dcgan.yaml'}\n"
        "report: {implied: [latent.size, train.bach, generator.layers.0]}\n"
    )
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert re.findall(r"error\[unknown-name\]: (.*)\n *--> .*(:\d+:\d+)$", result.output, re.M) == [
        ("`train.bach` names no value", ":2:33"),
        ("`generator.layers.0` names no value", ":2:45"),
    ]


# -- where marks are shown --------------------------------------------------------------------


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_show_marks_layers_and_lists_values_and_notes():
    text = run("show", str(ROOT / "specs/dcgan_fashion.yaml"))
    assert re.search(r"^  dropout\* ", text, re.M) and re.search(r"^  conv  ", text, re.M)
    assert "\n  discriminator.dropout.rate: 0.3\n" in text
    assert "\nnotes on Report 004, Fashion-MNIST, Keras\n" in text
    for form in ("--markdown", "--latex"):
        text = run("show", str(ROOT / "specs/dcgan_fashion.yaml"), form)
        assert "discriminator.dropout.rate: 0.3" in text and "in whole or in part" in text


def test_a_latex_table_explains_the_mark_only_if_a_row_has_it():
    def captions(path: str) -> list[str]:
        spec = ganspec.load(ROOT / "specs" / "dcgan.yaml", [f"report.implied=[{path}]"])
        return [line for line in table.latex_tables(spec, lower(spec)) if "caption" in line]

    generator, discriminator = captions("generator.init")  # of no layer
    assert "implied" not in generator + discriminator
    generator, discriminator = captions("discriminator.leaky_relu.slope")
    assert "implied" in discriminator and "implied" not in generator


def test_show_as_json_tells_implied_values():
    shown = json.loads(run("show", str(ROOT / "specs/dcgan_fashion.yaml"), "--json"))
    layers = {name: net["layers"] for name, net in shown["networks"].items()}
    assert [each["implied"] for each in layers["discriminator"]][:3] == [[], ["slope"], ["rate"]]
    implied = {each["path"]: each["value"] for each in shown["report"]["implied"]}
    assert implied["discriminator.layers.2.rate"] == 0.3 and implied["train.batch"] == 256
    assert "train.epochs" not in implied
    assert shown["report"]["cite"] == "Report 004, Fashion-MNIST, Keras"
    assert len(shown["report"]["notes"]) == 2


def test_compare_marks_cells_and_prints_notes():
    specs = [str(ROOT / f"specs/{name}.yaml") for name in ("dcgan_fashion", "dcgan")]
    text = run("compare", *specs, "--width", "120")
    assert re.search(r"^batch +256\* +128$", text, re.M)
    assert re.search(r"^length +100 epochs +5 epochs$", text, re.M)
    assert "\n* implied, in whole or in part" in text and "\ndcgan_fashion: the prose has" in text
    assert "dcgan_fashion: the prose" not in run("compare", *specs, "--rows", "batch")
    assert "implied" not in run("compare", specs[1])


def test_pages_mark_values_and_have_the_notes(tmp_path):
    folder = make_run(tmp_path / "run")
    for name in ("page.html", "page.md"):
        write_report([folder], tmp_path / name, False)
        page = (tmp_path / name).read_text("utf-8")
        assert "discriminator.dropout.rate: 0.3" in page and "the prose has ReLU" in page
        assert re.search(r"<td>256\*</td>|\| 256\\\* \|", page)
        assert re.search(r"<td>dropout\*</td>|\| dropout\\\* \|", page)


# -- reports of specs that extend others ------------------------------------------------------


def test_a_report_is_not_inherited(tmp_path):
    base = ROOT / "specs" / "dcgan_fashion.yaml"
    (tmp_path / "own.yaml").write_text(f"extends: {base}\nname: own\n")
    assert (
        ganspec.load(tmp_path / "own.yaml").report
        == ganspec.load(ROOT / "specs/dcgan.yaml", ["report=null"]).report
    )
    (tmp_path / "own.yaml").write_text(f"extends: {base}\nname: own\nreport: {{cite: Mine}}\n")
    report = ganspec.load(tmp_path / "own.yaml").report
    assert report.cite == "Mine" and not (report.notes or report.implied or report.scores)
    assert not any("warm-up" in note for note in spec_of("sagan").report.notes)
