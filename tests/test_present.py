"""Emitted loops over a network's modules, simplified by the modules that the network has."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest
import torch
from torch import nn

import ganspec
from ganspec.compiler.known import Facts
from ganspec.compiler.specialize import settle
from ganspec.kinds.initializer import init_weights
from ganspec.kinds.initializers.framework import init_keras
from ganspec.language.load import loads

BARE = [nn.Module(), nn.Sequential(), nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1)]


def settled(body: str, modules: list[nn.Module]) -> str:
    """Return a function's body, after what is known of the modules."""
    text = f"def f(network):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    names = {"nn": nn, "Conv2d": nn.Conv2d}
    view = settle(text, Facts(modules=modules, names=names))
    return textwrap.dedent(view.text.partition("\n")[2]).strip()


LOOP = "for m in network.modules():\n"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("    if isinstance(m, (nn.Conv2d, nn.Linear)):\n        use(m)", "nn.Conv2d):"),
        ("    if isinstance(m, (Conv2d, nn.BatchNorm2d)):\n        use(m)", "BatchNorm2d)):"),
        ("    if isinstance(m, nn.Conv2d) and m.bias is None:\n        use(m)", "Conv2d):"),
        ("    if isinstance(m, nn.Conv2d):\n        use(m.weight if m.bias is None else 1)", "t)"),
        ("    if isinstance(m, nn.BatchNorm2d) and m.bias is not None:\n        use(m)", "2d):"),
        ("    if isinstance(m, nn.Module):\n        use(m)", LOOP + "    use(m)"),
    ],
)
def test_tests_that_all_modules_answer_alike_are_gone(body, left):
    text = settled(LOOP + body, BARE)
    assert left in text and text.count("nn.") <= left.count("nn.") + 1
    assert " is " not in text and "use(" in text


@pytest.mark.parametrize(
    "body",
    [
        "    if isinstance(m, nn.Linear):\n        use(m)",
        "    if isinstance(m, nn.Conv2d) and m.bias is not None:\n        use(m)",
    ],
)
def test_a_loop_that_does_nothing_is_gone(body):
    assert settled("begin(network)\n" + LOOP + body, BARE) == "begin(network)"


@pytest.mark.parametrize(
    "body",
    [
        LOOP + "    m = wrap(m)\n    if isinstance(m, nn.Linear):\n        use(m)",
        LOOP + "    if isinstance(m, (nn.Linear, Other)):\n        use(m)",
        LOOP + "    use([isinstance(m, nn.Linear) for m in m.parts])",
        LOOP + "    def inner(m):\n        return isinstance(m, nn.Linear)\n    use(inner)",
        "for m in network.children():\n    if isinstance(m, nn.Linear):\n        use(m)",
        LOOP + "    if not hasattr(m, 'seen'):\n        use(m)\n        m.seen = True",
        LOOP + "    if isinstance(m.layer, nn.Linear):\n        use(m)",
        LOOP + "    if m.bias is None:\n        use(m)",  # only some have one
    ],
)
def test_what_is_not_known_stays(body):
    assert settled(body, BARE) == body


SPEC = """
name: small
data: {{dataset: shapes, size: 8}}
latent: {{size: 4}}
generator: {{init: {{normal: 0.02}}, layers: {layers}}}
discriminator: {{layers: [flatten, {{linear: 1}}]}}
objective: {{loss: hinge}}
optimizers: adam
"""

LAYERS = {
    "convs": "[{project: [4, 4, 4]}, {conv_transpose: {out: 3, stride: 2}}, tanh]",
    "no_bias": "[{reshape: [4, 1, 1]}, {conv_transpose: {out: 3, kernel: 8, padding: 0, "
    "bias: false}}, batch_norm, tanh]",
    "spectral": "[{project: [4, 4, 4]}, "
    "{conv_transpose: {out: 3, stride: 2, weight_norm: spectral}},"
    " tanh]",
    "weight": "[{project: [4, 4, 4]}, {conv_transpose: {out: 3, weight_norm: weight}}, "
    "{conv_transpose: {out: 3, stride: 2, weight_norm: weight}}, tanh]",
    "both": "[{linear: {out: 64, weight_norm: spectral}}, {reshape: [4, 4, 4]}, "
    "{conv_transpose: {out: 3, stride: 2, weight_norm: weight}}, tanh]",
}


@pytest.mark.parametrize("name", LAYERS)
def test_an_emitted_initializer_asks_for_what_is_there(name):
    source = ganspec.emit(loads(SPEC.format(layers=LAYERS[name])))
    text = next(
        ast.unparse(n)
        for n in ast.parse(source).body
        if isinstance(n, ast.FunctionDef) and n.name == "init_weights"
    )
    assert "Embedding" not in text
    assert ("original0" in text) == (name == "both")  # where it is the only norm, none is asked for
    assert ("empty_like" in text) == (name in ("weight", "both"))
    assert (".original," in text) == (name in ("spectral", "both"))


def test_settled_initializers_draw_the_same_weights():
    modules = [nn.Module(), nn.Sequential(), nn.Linear(2, 3), nn.Conv2d(1, 1, 1, bias=False)]
    results = []
    for present in (False, True):
        names = {"nn": nn}
        for function in (init_weights, init_keras):
            text = inspect.getsource(function)
            if present:
                facts = Facts(modules=modules, names={"nn": nn})
                text = settle(text, facts).text
                assert "Embedding" not in text
            exec(text, names)
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 3), nn.Conv2d(1, 1, 1, bias=False))
        names["init_keras"](network)
        results.append([*network.state_dict().values()])
    assert all(map(torch.equal, *results))
