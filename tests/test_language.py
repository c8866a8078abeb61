"""The language's core: expressions, the tree with its marks, merging, settings."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, emit_networks
from hypothesis import given, settings
from hypothesis import strategies as st

from ganspec.compiler.lower import lower
from ganspec.language.errors import Diagnostic, Mark, SpecError, Text, nearest
from ganspec.language.expr import UNKNOWN, ExpressionError, UnknownValueError, Width, evaluate
from ganspec.language.kinds import kinds_of
from ganspec.language.load import load, loads, shape
from ganspec.language.merging import merge
from ganspec.language.names import name_problem
from ganspec.language.settings import override
from ganspec.language.source import parse
from ganspec.language.tree import Node, find

SPECS = Path(__file__).parent.parent / "specs"
SCOPE = {"a": 7, "b": 3, "ch": 64, "z": 1, "n": -5}

# -- expressions ------------------------------------------------------------------------------

atoms = st.one_of(st.sampled_from(sorted(SCOPE)), st.integers(0, 20).map(str))
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
        st.tuples(st.sampled_from("+-"), inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(expressions)
def test_text_of_an_expression_has_its_value(text):
    """What is emitted for an expression means in Python what the expression meant."""
    try:
        value = evaluate(text, SCOPE)
    except ExpressionError as error:
        assert error.message == "division by zero" or "beyond" in error.message or len(text) > 200
        return
    assert int(value) == eval(text, {}, dict(SCOPE))
    assert eval(value.text, {}, dict(SCOPE)) == int(value)
    assert evaluate(value.text, SCOPE) == value


OPERATIONS = st.sampled_from(
    [
        ("+", lambda x, y: x + y),
        ("-", lambda x, y: x - y),
        ("*", lambda x, y: x * y),
        ("//", lambda x, y: x // y if y else x),
    ]
)
NUMBERS = st.one_of(
    st.integers(-4, 9), st.sampled_from(sorted(SCOPE)).map(lambda name: Width(SCOPE[name], name))
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(NUMBERS, st.lists(st.tuples(OPERATIONS, NUMBERS, st.booleans()), max_size=5))
def test_arithmetic_of_widths_keeps_their_text(start, steps):
    """Layers calculate with widths and with plain numbers, on either side."""
    value = start
    for (_, function), other, swapped in steps:
        value = function(other, value) if swapped else function(value, other)
    if isinstance(value, Width):
        assert eval(value.text, {}, dict(SCOPE)) == int(value)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("8 * ch", "8 * ch"),
        ("ch * (4 + 4)", "ch * 8"),
        ("2 * (a + b)", "2 * (a + b)"),
        ("a - (b - ch)", "a - (b - ch)"),
        ("(a - b) - ch", "a - b - ch"),
        ("(a - b) * ch", "(a - b) * ch"),
        ("a + (b + ch)", "a + b + ch"),
        ("a * (b * ch)", "a * b * ch"),
        ("a * (b // ch)", "a * (b // ch)"),
        ("(a * b) // ch", "a * b // ch"),
        ("-(a + b)", "-(a + b)"),
        ("-(a // b)", "-(a // b)"),
        ("ch / 2", "ch // 2"),
        ("((ch))", "ch"),
        ("2 * 4", "8"),
    ],
)
def test_only_needed_parentheses(text, shown):
    assert evaluate(text, SCOPE).text == shown


def test_expressions_of_real_numbers():
    assert evaluate("ch / 3", SCOPE) == pytest.approx(64 / 3)
    assert evaluate("0.5 * rate", {"rate": 0.2}) == pytest.approx(0.1)
    assert not isinstance(evaluate("ch * 0.5", SCOPE), Width)


def test_a_name_of_no_known_value_makes_no_mistake_but_hides_none():
    with pytest.raises(UnknownValueError):
        evaluate("2 * x", {"x": UNKNOWN})
    with pytest.raises(ExpressionError, match="unknown name `y`"):
        evaluate("x * y", {"x": UNKNOWN})


def test_widths_survive_copies():
    width = Width(64, "ch") * 2
    for other in (copy.copy(width), copy.deepcopy(width)):
        assert (int(other), other.text, other.level) == (128, "ch * 2", 2)
    assert width * 0.5 == 64.0 and 0.5 * width == 64.0


def test_widths_stay_symbolic_through_repeats_and_blocks():
    """Names of rounds stand for their values; parameters and vars are names in Python."""
    source = emit_networks(lower(load(SPECS / "dcgan.yaml")))
    assert "def __init__(self, z=100, ch=64):" in source
    for text in ("z, 8 * ch, 4", "8 * ch, 4 * ch, 4", "2 * ch, ch, 4", "ch, 3, 4"):
        assert f"nn.ConvTranspose2d({text}" in source


# -- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["z", "ch", "c2", "wide_path", "match", "wgan_gp"])
def test_plain_names(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *["", "2x", "a-b", "A", "aB", "class", "print", "self", "nn", "init_x", "_a", "é"],
        *["x" * 41, "a\n", "a ", None, 3, "training", "in_channels"],
    ],
)
def test_names_that_are_refused(name):
    assert name_problem(name)


def test_nearest():
    kinds = list(kinds_of("layer"))
    for word, kind in {
        "ReLU": "relu",
        "BatchNorm": "batch_norm",
        "batchnorm2d": "batch_norm",
        "Conv2d": "conv",
        "dense": "linear",
        "conv-transpose": "conv_transpose",
        "leakyrelu": "leaky_relu",
    }.items():
        assert nearest(word, kinds) == kind
    assert nearest("wibble", kinds) is None
    assert nearest("x" * 100_000, kinds) is None


# -- text to tree -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, value",
    [
        *[("2e-4", 2e-4), ("1E5", 1e5), (".5", 0.5), ("1.", 1.0), ("-3", -3), ("+3", 3), ("08", 8)],
        *[("true", True), ("False", False), ("null", None), ("~", None), ("", None)],
        *[("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("NO", "NO")],
        *[("1_000", "1_000"), ("0x10", "0x10"), ("12:30", "12:30"), ("2020-01-01", "2020-01-01")],
        *[("'3'", "3"), ('"a\\nb"', "a\nb"), ("!!str 3", "3"), ("8 * ch", "8 * ch"), ("<<", "<<")],
        *[(".inf", float("inf")), ("-.INF", -float("inf"))],
    ],
)
def test_scalars(text, value):
    found = parse(f"a: {text}\n")["a"].value
    assert found == value and type(found) is type(value)


def test_marks_are_the_smallest_span():
    tree = parse("a: 1\nbcd:\n  - e\n  - {f: gh, 'i': \"j k\"}  # note\nl: |\n  text\n")
    at = {str(path): _at(node) for path, node in walk(tree)}
    assert at["('a',)"] == ((1, 1, 2), (1, 4, 5))
    assert at["('bcd',)"] == ((2, 1, 4), (3, 3, 6))
    assert at["('bcd', 0)"] == (None, (3, 5, 6))
    assert at["('bcd', 1)"] == (None, (4, 5, 24))
    assert at["('bcd', 1, 'f')"] == ((4, 6, 7), (4, 9, 11))
    assert at["('bcd', 1, 'i')"] == ((4, 13, 16), (4, 18, 23))
    assert at["('l',)"] == ((5, 1, 2), (5, 4, 5))


def _at(node: Node) -> tuple:
    marks = [m and (m.line, m.column, m.end) for m in (node.key_mark, node.mark)]
    return tuple(marks)


def walk(node: Node, path: tuple = ()):
    yield path, node
    items = node.value.items() if isinstance(node.value, dict) else ()
    items = enumerate(node.value) if isinstance(node.value, list) else items
    for key, child in items:
        yield from walk(child, (*path, key))


def test_anchors_and_merges():
    tree = parse("a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: {<<: [*a, {z: 4}]}\n").plain()
    assert tree["b"] == {"x": 3, "y": [2]}
    assert tree["c"] == {"x": 1, "y": [2], "z": 4}


# -- merging and settings ---------------------------------------------------------------------


def merged(base: str, over: str) -> object:
    return merge(parse(base), parse(over), shape).plain()


@pytest.mark.parametrize(
    "base, over, result",
    [
        ("train: {batch: 4, seed: 1}", "train: {batch: 8}", {"train": {"batch": 8, "seed": 1}}),
        ("train: {batch: 4, seed: 1}", "train: {batch: null}", {"train": {"seed": 1}}),
        ("train: {batch: 4}", "train: null", {}),
        ("data: {size: [4, 4]}", "data: {size: [8, 8]}", {"data": {"size": [8, 8]}}),
        ("vars: {z: 1}", "vars: {ch: 2}", {"vars": {"z": 1, "ch": 2}}),
        # another kind replaces, the same kind merges, its bare word starts anew
        (
            "objective: {loss: hinge, penalty: {r1: {penalty_weight: 3}}}",
            "objective: {penalty: gradient}",
            {"objective": {"loss": "hinge", "penalty": "gradient"}},
        ),
        (
            "objective: {loss: {minimax: {real_target: 0.9, reads: logits}}}",
            "objective: {loss: {minimax: {real_target: 1}}}",
            {"objective": {"loss": {"minimax": {"real_target": 1, "reads": "logits"}}}},
        ),
        (
            "objective: {loss: {minimax: {real_target: 0.9}}}",
            "objective: {loss: minimax}",
            {"objective": {"loss": {"minimax": {"real_target": 0.9}}}},
        ),
        # a bare value is its kind's commonest field
        (
            "objective: {penalty: {gradient: 3}}",
            "objective: {penalty: {gradient: {penalty_weight: 4}}}",
            {"objective": {"penalty": {"gradient": {"penalty_weight": 4}}}},
        ),
        (
            "optimizers: {generator: {adam: 1e-3}, discriminator: sgd}",
            "optimizers: {generator: {adam: {eps: 1}}}",
            {
                "optimizers": {
                    "generator": {"adam": {"lr": 1e-3, "eps": 1}},
                    "discriminator": "sgd",
                }
            },
        ),
        # one optimizer is one for each network
        (
            "optimizers: {adam: {lr: 1, eps: 2}}",
            "optimizers: {generator: {adam: {lr: 3}}}",
            {
                "optimizers": {
                    "generator": {"adam": {"lr": 3, "eps": 2}},
                    "discriminator": {"adam": {"lr": 1, "eps": 2}},
                }
            },
        ),
        (
            "optimizers: {generator: adam, discriminator: {sgd: {lr: 1}}}",
            "optimizers: {sgd: {momentum: 0.5}}",
            {
                "optimizers": {
                    "generator": {"sgd": {"momentum": 0.5}},
                    "discriminator": {"sgd": {"lr": 1, "momentum": 0.5}},
                }
            },
        ),
        (
            "generator: {normalization: spectral, init: {normal: 0.1}}",
            "generator: {normalization: weight, init: {normal: {std: 0.2}}}",
            {"generator": {"normalization": "weight", "init": {"normal": {"std": 0.2}}}},
        ),
        # a bare name keeps the fields of the same kind, wherever a kind is chosen
        (
            "objective: {loss: {non_saturating: {reads: probabilities}}, penalty: {gradient: 10}}",
            "objective: {loss: non_saturating, penalty: gradient}",
            {
                "objective": {
                    "loss": {"non_saturating": {"reads": "probabilities"}},
                    "penalty": {"gradient": 10},
                }
            },
        ),
        (
            "generator: {normalization: {instance: {affine: true}}, condition: {concat: 8}}",
            "generator: {normalization: instance, condition: concat}",
            {
                "generator": {
                    "normalization": {"instance": {"affine": True}},
                    "condition": {"concat": 8},
                }
            },
        ),
        (
            "data: {dataset: {shapes: {count: 3}}}\noptimizers: {adam: {lr: 1}}",
            "data: {dataset: shapes}\noptimizers: {generator: adam}",
            {
                "data": {"dataset": {"shapes": {"count": 3}}},
                "optimizers": {
                    "generator": {"adam": {"lr": 1}},
                    "discriminator": {"adam": {"lr": 1}},
                },
            },
        ),
        (
            "objective: {loss: {non_saturating: {reads: probabilities}}}",
            "objective: {loss: {non_saturating: null}}",
            {"objective": {"loss": {"non_saturating": None}}},
        ),
        (
            "generator: {normalization: {instance: {affine: true}}}",
            "generator: {normalization: [spectral, instance]}",
            {"generator": {"normalization": ["spectral", "instance"]}},
        ),
        (
            "generator: {normalization: [spectral, instance]}",
            "generator: {normalization: {batch: {eps: 1}}}",
            {"generator": {"normalization": {"batch": {"eps": 1}}}},
        ),
        (
            "data: {dataset: {shapes: {count: 3}}, size: 8}",
            "data: {dataset: cifar10}",
            {"data": {"dataset": "cifar10", "size": 8}},
        ),
    ],
)
def test_merging(base, over, result):
    assert merged(base, over) == result


def test_marks_of_inherited_values_point_at_their_file():
    base, over = parse("train: {batch: 4, seed: 1}", "base"), parse("train: {batch: 8}", "mine")
    train = merge(base, over, shape)["train"]
    assert train["seed"].mark.text.name == "base"
    assert train["batch"].mark.text.name == train["batch"].key_mark.text.name == "mine"


@pytest.mark.parametrize(
    "setting, path, value",
    [
        ("train.batch=8", ("train", "batch"), 8),
        ("data.size=[4, 6]", ("data", "size"), [4, 6]),
        ("latent.size=2 * ch", ("latent", "size"), "2 * ch"),
        ("train.steps.generator=2", ("train", "steps", "generator"), 2),
        ("generator.layers.1=relu", ("generator", "layers", 1), "relu"),
        ("generator.layers.0.linear.out=9", ("generator", "layers", 0, "linear"), {"out": 9}),
        (
            "generator.layers.0.linear.bias=false",
            ("generator", "layers", 0, "linear"),
            {"out": 3, "bias": False},
        ),
        ("generator.layers.1.relu=null", ("generator", "layers", 1), {"relu": None}),
        ("objective.loss=hinge", ("objective", "loss"), "hinge"),
        ("objective.penalty.r1=3", ("objective", "penalty"), {"r1": {"penalty_weight": 3}}),
        ("optimizers=sgd", ("optimizers", "generator"), "sgd"),
        (
            "optimizers.adam.lr=2",
            ("optimizers",),
            {
                "generator": {"adam": {"lr": 2, "eps": 1}},
                "discriminator": {"adam": {"lr": 2, "eps": 1}},
            },
        ),
        (
            "optimizers.discriminator.sgd.lr=2",
            ("optimizers",),
            {"generator": {"adam": {"eps": 1}}, "discriminator": {"sgd": {"lr": 2}}},
        ),
        ("doc=a=b", ("doc",), "a=b"),
    ],
)
def test_settings(setting, path, value):
    tree = parse(
        "generator: {layers: [{linear: 3}, tanh]}\nobjective: {loss: {minimax: {}}, penalty: r1}\n"
        "optimizers: {adam: {eps: 1}}\ntrain: {batch: 4}\n"
    )
    assert find(override(tree, [setting], shape), path).plain() == value


def test_a_setting_may_remove():
    tree = parse("train: {batch: 4, seed: 2}\n")
    assert override(tree, ["train.batch=null"], shape).plain() == {"train": {"seed": 2}}


def test_is_kind():
    for path in [
        ("objective", "loss"),
        ("data", "dataset"),
        ("generator", "normalization"),
        ("generator", "normalization", 1),
        ("generator", "layers", 3),
        ("generator", "layers", 3, "residual", "main", 0),
        ("optimizers", "generator"),
    ]:
        assert isinstance(shape(path), str)
    for path in [(), ("name",), ("train",), ("generator", "layers"), ("nowhere", "at", "all")]:
        assert not isinstance(shape(path), str)


def test_every_finding_comes_once_and_in_order():
    mark = Mark(Text("b", ("x",)), 1, 1, 2)
    error = SpecError(
        [Diagnostic("c", "z"), Diagnostic("c", "y", mark), Diagnostic("c", "y", mark)]
    )
    assert [d.message for d in error.diagnostics] == ["y", "z"]


@pytest.mark.parametrize("key", ["blocks", "extends"])
def test_null_for_a_key_of_the_whole_spec_is_an_error_in_a_section(key):
    with pytest.raises(SpecError, match=f"train has no field `{key}`"):
        load(ROOT / "specs/dcgan.yaml", [f"train.{key}=null"])


def test_too_many_mistakes_are_cut():
    layers = "\n".join(f"    - wrong_{i}" for i in range(500))
    with pytest.raises(SpecError) as refused:
        loads(f"name: many\ngenerator:\n  layers:\n{layers}\n")
    assert len(refused.value.diagnostics) < 60
    assert refused.value.diagnostics[-1].code == "too-many"


def test_a_mistake_in_a_block_counts_once_however_often_the_block_is_called():
    layers = "\n".join("    - up" for _ in range(60))
    text = f"name: many\nblocks: {{up: {{layers: [wrong]}}}}\ngenerator:\n  layers:\n{layers}\n"
    with pytest.raises(SpecError) as refused:
        loads(text)
    assert [d.code for d in refused.value.diagnostics].count("unknown-kind") == 1
    assert "too-many" not in [d.code for d in refused.value.diagnostics]


def test_long_lists_of_names_come_once():
    with pytest.raises(SpecError) as refused:
        loads("name: two\ngenerator:\n  layers: [wibble, wobble]\n")
    helps = [d.help for d in refused.value.diagnostics if d.code == "unknown-kind"]
    assert "leaky_relu" in helps[0] and "block" not in helps[0].split(", ")
    assert helps[1:] == [None]


# -- speed ------------------------------------------------------------------------------------


def test_loading_is_quick():
    seconds = []
    for _ in range(5):
        started = time.process_time()
        load(SPECS / "dcgan.yaml")
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.06


@pytest.mark.true_process
def test_importing_is_quick():
    code = (
        "import time, torch; started = time.perf_counter(); import ganspec.language.load as l;"
        "from ganspec.language.registry import PACKAGES; print(time.perf_counter() - started)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 1.0  # 0.2 s alone; a busy machine takes longer


def test_an_expression_may_choose_one_of_several_numbers():
    assert load(SPECS / "dcgan.yaml", ["data.channels=ch // ch + 2"]).data.channels == 3
    with pytest.raises(SpecError, match="`channels` cannot be"):
        load(SPECS / "dcgan.yaml", ["data.channels=ch // ch + 1"])
