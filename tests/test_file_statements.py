"""Kinds whose file changes its constants, functions and classes: emitted equal, or refused."""

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
