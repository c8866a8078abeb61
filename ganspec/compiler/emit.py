"""A spec as one file of plain PyTorch: networks, data, losses, trainer; no ganspec import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ganspec.compiler.arrange import Module
from ganspec.compiler.definitions import UntoldError, path_of
from ganspec.compiler.lower import lower
from ganspec.compiler.moving import Mover, Named
from ganspec.compiler.seal import BLANK, sealed
from ganspec.compiler.verification import verify
from ganspec.language.errors import Diagnostic, SpecError
from ganspec.language.kinds import Kind, within
from ganspec.program.ir import Net
from ganspec.program.spelling import LINE, docstring
from ganspec.systems.spec import Spec

ROUNDS = 50
YOURS = "Plain PyTorch, yours to edit."


def emit(spec: Spec) -> str:
    """Return a self-contained program equal to the spec's runtime; raises SpecError."""
    return sealed(formatted(program(spec, lower(spec))))


def program(spec: Spec, nets: dict[str, Net]) -> str:
    """Return the program before it is formatted; raises SpecError where a kind cannot be moved."""
    kinds = list(within(spec))

    def move(mover: Mover) -> str:
        networks = mover.networks(nets)
        if len(nets) == 1:  # such programs share one text
            (networks["network"],) = networks.values()
        mover.cfg.values.update({key: Named(mark) for key, mark in networks.items()})
        return mover.start(spec.main())

    mover = moved(vars(spec.settings(nets)), move, kinds)
    module = Module(mover)
    text = module.text()
    with blaming(mover, kinds):
        verify(mover, text)
    subject = spec.noun[:1].upper() + spec.noun[1:]
    made = f"Written by ganspec from the spec `{spec.name}` ({BLANK})."
    head = [
        docstring(spec.doc or f"{subject} `{spec.name}`")[:-3],
        "",
        f"{made} {YOURS}" if len(f"{made} {YOURS}") <= LINE else f"{made}\n{YOURS}",
        '"""',
    ]
    end = f'if __name__ == "__main__":\n    {module.main}()\n'
    return "\n".join(head) + "\n\n" + text + end


def moved(
    settings: dict[str, object], move: Callable[[Mover], str], kinds: list[Kind] = ()
) -> Mover:
    """Return all that `move` moves, done again until every call of a function agrees."""
    also = frozenset(type(kind).__module__.split(".")[0] for kind in kinds)
    varying: set = set()
    for _ in range(ROUNDS):
        mover = Mover(settings, varying, also)
        with blaming(mover, kinds):
            mover.main = move(mover)
        if not mover.changed:
            return mover
    raise RuntimeError("the text cannot be settled")


@contextmanager
def blaming(mover: Mover, kinds: list[Kind]) -> Iterator[None]:
    """Within the block, a text that cannot be moved becomes a SpecError about its kind."""
    try:
        yield
    except UntoldError as error:
        raise SpecError([blamed(mover, kinds, error)]) from error


def blamed(mover: Mover, kinds: list[Kind], error: UntoldError) -> Diagnostic:
    """Return a finding about the kind whose text cannot be moved."""
    homes = [found.home for found, _ in mover.trail]
    names = [home.name for home in homes]
    kind = next((k for name in reversed(names) for k in kinds if type(k).__module__ == name), None)
    kind = kind or next((k for k in kinds if not type(k).__module__.startswith("ganspec.")), None)
    if kind is None:
        raise RuntimeError(f"ganspec's own text reads {error}: {names}")
    file = path_of(homes[-1]) if homes else type(kind).__module__
    message = f"the {kind.family} `{kind.kind}` cannot be emitted: {file} reads {error}"
    return Diagnostic("unfit-kind", message, kind.mark, (), error.help)


def emit_networks(nets: dict[str, Net]) -> str:
    """Return the source of the networks alone, for use in one's own loop."""
    mover = Mover({}, set())
    mover.networks(nets)
    return formatted(Module(mover).text(titled=False))


def formatted(source: str) -> str:
    """Return `source` as `ruff format` writes it; raises SyntaxError where it is no Python."""
    ast.parse(source)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    run = subprocess.run(command, input=source, capture_output=True, encoding="utf-8", check=True)
    return run.stdout
