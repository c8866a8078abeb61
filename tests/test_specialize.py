"""Settling text against a configuration: what stays is what would have run."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import pytest
from conftest import SPECS

import ganspec
from ganspec.compiler.arrange import Module
from ganspec.compiler.emit import moved
from ganspec.compiler.seal import is_emitted, sealed


def settled(function, **cfg):
    """The settled function, ready to be called, and its source."""
    mover = moved(cfg, lambda mover: mover.start(function))
    source = Module(mover).text(titled=False)
    scope = {}
    exec(compile(source, "settled.py", "exec"), scope)
    return scope[function.__name__], source


def branches(x, cfg):
    # a comment that stays
    if cfg.sign >= 1:
        note = "é is two bytes"
        return note, x * cfg.sign, x - cfg.low
    elif cfg.sign < 0 and not cfg.flag:
        return "negative", x, cfg.low
    else:
        # so does this one
        return "other", x if cfg.flag else -x, cfg.low


def loop(x, cfg):
    for _ in range(cfg.rounds):
        x = x + 1
        if x > 3:
            x = 0
    return inner(x, cfg)


def inner(x, cfg):
    return x


@pytest.mark.parametrize("sign", [-1, 0, 1, 2])
@pytest.mark.parametrize("flag", [False, True])
def test_branches_settle_as_they_would_run(sign, flag):
    cfg = {"sign": sign, "flag": flag, "low": 0.25}
    function, source = settled(branches, **cfg)
    for x in (0, 5, -2):
        assert function(x) == branches(x, SimpleNamespace(**cfg))
    assert "cfg" not in source
    assert "# a comment that stays" in source


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_loops_of_one_round_open(rounds):
    _, source = settled(loop, rounds=rounds)
    assert ("for " in source) == (rounds > 1)
    assert "inner(x)" in source


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_nothing_stands_after_a_return(path):
    gan = ganspec.load(path).judges is not None
    settings = ["latent.distribution=uniform"] if gan else []
    tree = ast.parse(ganspec.emit(ganspec.load(path, settings)))
    for node in ast.walk(tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(body, list):
                ends = [isinstance(s, ast.Return | ast.Raise) for s in body]
                assert not any(ends[:-1]), ast.unparse(node)


def test_the_seal_tells_an_edit():
    source = ganspec.emit(ganspec.load(SPECS[0]))
    assert is_emitted(source.encode())
    assert not is_emitted(source.replace("BATCH = ", "BATCH = 1", 1).encode())
    assert not is_emitted(b"print('mine')\n")
    assert not is_emitted(b"\x89PNG\r\n")
    assert sealed("no head") == "no head"
