"""Emit a spec as one file of plain PyTorch, which does not import ganspec.

The file has networks, losses, data and training. Code of ganspec and of users' kinds is copied into
it: `moving.py` gathers the texts, and `arrange.py` puts them in order.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ganspec.compiler.arrange import EmittedFile
from ganspec.compiler.definitions import UnmovableError
from ganspec.compiler.lower import lower
from ganspec.compiler.moving import Mover, Varying
from ganspec.compiler.pieces import Named
from ganspec.compiler.verification import verify
from ganspec.language.errors import Diagnostic, SpecError
from ganspec.language.kinds import Kind, within
from ganspec.program.ir import Net
from ganspec.program.spelling import LINE, docstring
from ganspec.seal import BLANK, sealed
from ganspec.systems.spec import Spec
from ganspec.systems.unread import refuse_unread

ROUNDS = 50  # most movers that `moved` makes; needing more is a bug
YOURS = "Plain PyTorch, yours to edit."


def emit(spec: Spec) -> str:
    """Return a self-contained file that trains with the same results as `ganspec train --exact`.

    Raise SpecError if a part of the spec is `unknown`, if a network has an error, if networks do
    not fit each other, or if a kind's code cannot be moved into the file.
    """
    refuse_unread(spec)
    return sealed(formatted(program(spec, lower(spec))))


def program(spec: Spec, nets: dict[str, Net]) -> str:
    """Return the emitted file before formatting. Raise SpecError if a kind's code cannot be moved.

    A file with code of users' own kinds is imported, without training, to compare its values with
    those in the users' files. Raise SpecError, too, if they differ, or if the import fails.
    """
    kinds = list(within(spec))

    def move(mover: Mover) -> str:
        networks = mover.networks(nets)
        if len(nets) == 1:  # the training code for a single network reads `cfg.network`
            (networks["network"],) = networks.values()
        mover.cfg.values.update({key: Named(name) for key, name in networks.items()})
        return mover.start(spec.main)

    mover = moved(vars(spec.settings(nets)), move, kinds)
    file = EmittedFile(mover)
    text = file.text()
    with blaming(mover, kinds):
        verify(mover, text)
    subject = spec.noun[:1].upper() + spec.noun[1:]
    title = docstring(spec.doc or f"{subject} `{spec.name}`")[:-3]
    note = f"Written by ganspec from the spec `{spec.name}` ({BLANK})."
    note += f" {YOURS}" if len(f"{note} {YOURS}") <= LINE else f"\n{YOURS}"
    end = f'if __name__ == "__main__":\n    {file.main}()\n'
    return f'{title}\n\n{note}\n"""\n\n{text}{end}'


def moved(
    settings: dict[str, object], move: Callable[[Mover], str], kinds: Sequence[Kind] = ()
) -> Mover:
    """Return a mover that holds all code of an emitted file.

    `move(mover)` asks the mover for that code, and returns the placeholder of the main function or
    class. A mover removes parameters that have one known value. If it removed one that must stay,
    since calls pass different values or the function assigns to it, `move` is called again with a
    new mover that keeps it. Raise SpecError if the code of one of `kinds` cannot be moved.
    """
    also = frozenset(type(kind).__module__.split(".")[0] for kind in kinds)
    varying: Varying = set()
    for _ in range(ROUNDS):
        mover = Mover(settings, varying, also)
        with blaming(mover, kinds):
            mover.main = move(mover)
        if not mover.changed:
            return mover
    raise RuntimeError(f"emitted code still changes after {ROUNDS} rounds: please report this bug")


@contextmanager
def blaming(mover: Mover, kinds: Sequence[Kind]) -> Iterator[None]:
    """Turn an UnmovableError within a `with` block into a SpecError about one of `kinds`.

    That is the kind whose file has the code, or has code that uses it; or else the first kind of a
    user. If there is neither, the error is a bug, and becomes a RuntimeError.
    """
    try:
        yield
    except UnmovableError as error:
        homes = [definition.home for definition, _ in mover.trail]
        by_module = {type(kind).__module__: kind for kind in reversed(kinds)}
        others = (kind for kind in kinds if kind.is_own)
        near = (by_module[home.name] for home in reversed(homes) if home.name in by_module)
        kind = next(near, None) or next(others, None)
        if kind is None:
            places = [f"{d.home.path}, {' and '.join(d.names)}" for d, _ in mover.trail]
            at = places[-1] if places else "its networks"
            message = f"ganspec's own text ({at}) reads {error}: please report this bug"
            raise RuntimeError(message) from error
        file = homes[-1].path if homes else type(kind).__module__
        family = kind.family.replace("_", " ")
        message = f"the {family} `{kind.kind}` cannot be emitted: {file} reads {error}"
        raise SpecError([Diagnostic("unfit-kind", message, kind.mark, (), error.help)]) from error


def emit_network(net: Net, kinds: Sequence[Kind], title: str) -> tuple[str, str]:
    """Return the text of a file that has the class of `net`, and the name of that class.

    The file begins with `title`. `kinds` are those of the network's spec. Raise SpecError if the
    code of one of them cannot be moved.
    """
    mover = moved({}, lambda mover: mover.networks({net.name: net})[net.name], kinds)
    file = EmittedFile(mover)
    text = file.text(titled=False)
    with blaming(mover, kinds):
        verify(mover, text)
    return formatted(f"{title}\n\n{text}"), file.main


def formatted(source: str) -> str:
    """Return `source` formatted by ruff. Raise SyntaxError if it is not valid Python."""
    ast.parse(source)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    run = subprocess.run(command, input=source, capture_output=True, encoding="utf-8", check=True)
    return run.stdout
