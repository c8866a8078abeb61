"""Loops whose rounds are known before the code runs."""

from __future__ import annotations

import ast

from ganspec.compiler.known import View


def rounds(view: View, node: ast.For, name: str) -> tuple[object, ...]:
    """Return the values of a loop's variable `name` if its body is to be written out; else ().

    It is for a loop over known values that compares them, and for a loop that runs once and reads
    no variable.
    """
    body = [n for part in node.body for n in ast.walk(part)]
    if node.orelse or any(isinstance(n, (ast.Break, ast.Continue)) for n in body):
        return ()
    reads = [n for n in view.scopes.named(name) if isinstance(n.ctx, ast.Load)]
    match node.iter:
        case ast.Call(func=ast.Name(id="range"), args=[count]):
            known = view.known(count)
            return (0,) if known and known.value == 1 and not reads else ()
    known = view.known(node.iter)
    if known is None or not isinstance(known.value, tuple):
        return ()
    compared = any(isinstance(n, ast.Compare) and n.left in reads for n in body)
    within = all(n in body or n is node.target for n in view.scopes.named(name))
    return known.value if compared and within else ()
