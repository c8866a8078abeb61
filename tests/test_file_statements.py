"""Files of kinds with statements that change their own names: emitted equal, or refused."""

from __future__ import annotations

import textwrap

import pytest
from test_emission import BAD, check_equal, spec_with

import ganspec

MADE = {
    "deleted": ("T = {'a': 1.0, 'b': 2.0}\ndel T['b']", "sum(T.values())"),
    "looped": ("T = []\nfor i in range(3):\n    T.append(float(i))", "sum(T)"),
    "looped_map": ("T = {}\nfor i in range(3):\n    T[i] = 2.0 * i", "sum(T.values())"),
    "passed": ("T = [1.0]\ndef more(t):\n    t.append(3.0)\nmore(T)", "sum(T)"),
    "counted": ("N = 0\ndef bump():\n    global N\n    N += 1\n    return N", "bump()"),
    "cached": (
        "C = {}\ndef get(k):\n    if k not in C:\n        C[k] = 2.0 * k\n    return C[k]",
        "get(3)",
    ),
    "tried": (
        "try:\n    import nope\nexcept ImportError:\n    nope = None",
        "2.0 if nope else 1.0",
    ),
    "in_place": ("with torch.no_grad():\n    T = torch.ones(2)\n    T *= 2", "T.sum()"),
    "tabled": ("def a(x):\n    return 2 * x\nT = {'a': a}", "T['a'](1.0)"),
    "of_data": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    a: float = 2.0\nD = P(a=4.0)",
        "D.a",
    ),
    "of_cases": ("from enum import Enum\nclass M(Enum):\n    A = 1\n    B = 2", "M.B.value"),
    "with_defaults": (
        "from collections import defaultdict\nD = defaultdict(list)\nD['a'].append(2.0)",
        "sum(D['a'])",
    ),
    "logged": (
        "import logging\nL = logging.getLogger(__name__)\nL.setLevel(10)",
        "2.0 + (L is None)",
    ),
    "kept_by_an_argument": (
        "C = {}\ndef keep(c, k):\n    c[k] = 2.0\n    return c[k]\n"
        "def get():\n    return keep(C, 1)",
        "get()",
    ),
    "of_a_star": (
        "from torch.nn.functional import *\nfrom math import *",
        "relu(scores).mean() * pi",
    ),
    "of_an_array": ("import numpy as np\nT = np.arange(4.0)\nT[2] = 7", "float(T.sum())"),
}

REFUSED = {
    "registered": (
        "R = {}\ndef keep(f):\n    R[f.__name__] = f\n    return f\n"
        "@keep\ndef twice(x):\n    return 2 * x",
        "R['twice'](1.0)",
        "R",
    ),
    "attribute_of_function": ("def g(x):\n    return g.k * x\ng.k = 3.0", "g(1.0)", "g.k"),
    "attribute_of_class": ("class C:\n    k = 1.0\nC.k = 4.0", "C.k", "C.k"),
    "attribute_by_name": ("class C:\n    k = 1.0\nsetattr(C, 'k', 4.0)", "C.k", "C.k"),
    "tensor_of_class": (
        "class C:\n    k = torch.ones(2)\nsetattr(C, 'k', torch.zeros(2))",
        "C.k.sum()",
        "C.k",
    ),
    "range_of_class": (
        "class C:\n    k = range(2)\nsetattr(C, 'k', range(4))",
        "len(C.k)",
        "C.k",
    ),
    "default_before": ("S = 2.0\ndef g(x, s=S):\n    return x * s\nS = 3.0", "g(S)", "g"),
    "defined_twice": (
        "def g(x):\n    return x\nh = g\ndef g(x):\n    return 2 * h(x)",
        "g(1.0)",
        "h",
    ),
    "set_by_a_call": (
        "S = 1.0\ndef prepare():\n    global S\n    S = 5.0\nprepare()",
        "S",
        "S",
    ),
    "from_outside": ("T = [1.0]\nimport sys\nsys.modules[__name__].T = [3.0]", "T[0]", "T"),
    "drawn_before": (
        "import numpy as np\nR = np.random.default_rng(0)\nS = R.normal()",
        "R.normal()",
        "R",
    ),
    "advanced": ("I = iter([1.0, 2.0])\nS = next(I)", "next(I, 3.0)", "I"),
    "in_a_cell": (
        "def make():\n    n = 0\n    def bump():\n        nonlocal n\n"
        "        n += 1\n        return n\n"
        "    return bump\nB = make()\nS = B()",
        "B()",
        "B",
    ),
    "in_a_slot": (
        "class P:\n    __slots__ = ('a',)\nQ = P()\n"
        "def set_a(q):\n    setattr(q, 'a', 4.0)\nS = set_a(Q)",
        "Q.a",
        "Q",
    ),
    "filled": (
        "M = torch.nn.Linear(1, 1)\n"
        "with torch.no_grad():\n    S = [p.fill_(2.0) for p in M.parameters()]",
        "M.weight.sum()",
        "M",
    ),
    "dispatched": (
        "import functools\n@functools.singledispatch\ndef f(x):\n    return 1.0\n"
        "@f.register\ndef _(x: float):\n    return 3.0",
        "f(1.0)",
        "f",
    ),
    "drawn": ("T = torch.rand(3)", "T.sum()", "T"),
}


def loss(kind, head, factor, tmp_path, monkeypatch):
    """Return a spec with a loss of a file that holds `head`."""
    text = BAD.format(kind=kind, head=head, value=f"-scores.mean() * ({factor})", field="")
    (tmp_path / f"{kind}.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    __import__(kind)
    return spec_with(objective=f"{{loss: {kind}}}")


@pytest.mark.parametrize("kind", MADE)
def test_what_statements_make_is_emitted(kind, tmp_path, monkeypatch):
    check_equal(loss(kind, *MADE[kind], tmp_path, monkeypatch), tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_text_does_not_make_is_an_error(kind, tmp_path, monkeypatch):
    head, factor, name = REFUSED[kind]
    spec = loss(kind, head, factor, tmp_path, monkeypatch)
    with pytest.raises(ganspec.SpecError) as raised:
        ganspec.emit(spec)
    (finding,) = raised.value.diagnostics
    assert finding.code == "unfit-kind" and f"{kind}.py" in finding.message
    assert f"`{name}`, which other statements" in finding.message


def test_a_counter_that_ran_before_is_still_emitted(tmp_path, monkeypatch):
    spec = loss("ran_before", *MADE["counted"], tmp_path, monkeypatch)
    source = ganspec.emit(spec)
    assert __import__("ran_before").bump() == 1
    assert ganspec.emit(spec) == source
