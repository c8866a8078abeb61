"""Loops whose rounds are known before the code runs."""

from __future__ import annotations

import ast

from ganspec.compiler.known import View


def runs_once(view: View, node: ast.For) -> bool:
    """Return True if a loop runs once and can be replaced by its body."""
    match node:
        case ast.For(
            target=ast.Name(id=name),
            iter=ast.Call(func=ast.Name(id="range"), args=[only]),
            orelse=[],
        ):
            inner = [n for part in node.body for n in ast.walk(part)]
            jumps = any(isinstance(n, (ast.Break, ast.Continue)) for n in inner)
            read = any(isinstance(n.ctx, ast.Load) for n in view.scopes.named(name))
            known = view.known(only)
            return bool(known and known.value == 1 and not jumps and not read)
    return False


def rounds(view: View, node: ast.For, name: str) -> tuple[object, ...]:
    """Return the known values of a loop whose body compares its variable; else nothing."""
    known = view.known(node.iter)
    if known is None or not isinstance(known.value, tuple) or node.orelse:
        return ()
    inner = [n for part in node.body for n in ast.walk(part)]
    jumps = any(isinstance(n, (ast.Break, ast.Continue)) for n in inner)
    compared = any(isinstance(n, ast.Compare) and _is_name(n.left, name) for n in inner)
    within = all(n in inner or n is node.target for n in view.scopes.named(name))
    return known.value if compared and within and not jumps else ()


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
