"""The table of swaps: `python docs/write_swaps.py > docs/swaps.md` writes it again.

Each swap is one setting of a spec that comes with ganspec. It fits, or ganspec refuses it and says
what to do.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import ganspec
from ganspec.compiler.lower import lower
from ganspec.language.errors import Diagnostic, SpecError
from ganspec.systems.gan.spec import Gan

SPECS = Path(__file__).parent.parent / "specs"
NORMS = {
    "batch": "batch",
    "instance": "instance",
    "layer": "layer",
    "group": "{group: 4}",
    "class batch": "class_batch",
    "spectral": "spectral",
    "weight": "weight",
    "spectral, instance": "[spectral, instance]",
    "none": "none",
}
CONDITIONS = {
    "none": "none",
    "concat": "concat",
    "concat, linear": "{concat: {size: 8, hidden: relu}}",
    "embedding": "{embedding: 6}",
    "embedding, map": "{embedding: {size: 6, join: map}}",
    "embedding, product": "{embedding: {size: null, join: product}}",
    "channel": "channel",
}
LOSSES = {
    "non-saturating": "non_saturating",
    "minimax": "minimax",
    "least squares": "least_squares",
    "hinge": "hinge",
    "Wasserstein": "wasserstein",
}
AXES: dict[str, dict[str, str]] = {
    "generator.normalization": NORMS,
    "discriminator.normalization": NORMS,
    "generator.condition": CONDITIONS,
    "discriminator.condition": CONDITIONS,
    "objective.loss": LOSSES,
}
INTRODUCTION = """# Swaps

<!-- Made by `python docs/write_swaps.py > docs/swaps.md`; change that. -->

One line changes the normalization or the condition of a network, or the loss, in each GAN that
comes with ganspec: a line of a spec that [extends](language.md#extends) it, or a setting.

```console
$ ganspec train specs/dcgan.yaml --steps 2 --set discriminator.normalization=spectral
trained to step 2; look at:
...
```

The tables give the answer to each swap at the specs' own widths: `yes` if the network is built
and trained with it, otherwise the number of the answer below. A combination of swaps fits if each
of them does, but for `class batch`, which reads the label, under `condition: none`. The tests
train combinations of all five keys for two steps and compare the weights with those of the
emitted file, bit for bit. After a swap by `--set`, `ganspec check` may report that the counts
under `report` [are no longer met](language.md#settings).

For these tables, specs without labels were first given `condition: {kind: classes, size: 10}`,
with size 24 if their data are `shapes`. `dcgan_keras` was given `train: {labels: random}`, too.
`group` is `{group: 4}`, and `class batch` is batch norm with a gain and a bias for each class.
`concat, linear` is `{concat: {size: 8, hidden: relu}}`. `embedding` is of size 6, or of the
input's size for `product`; `map` and `product` are ways to [join](conditioning.md#the-methods).
"""


def gans() -> list[Path]:
    """Return the paths of the GANs' specs."""
    return [path for path in sorted(SPECS.glob("*.yaml")) if isinstance(ganspec.load(path), Gan)]


@cache
def labels(path: Path) -> list[str]:
    """Return settings that declare labels; [] if a spec has some or its data set's are unknown."""
    spec = ganspec.load(path)
    known = spec.data.dataset.label_kind()
    if spec.labelled or known is None:
        return []
    settings = [f"condition={{kind: {known[0]}, size: {known[1]}}}"]
    return [*settings, "train.labels=random"] if spec.train.generator_batch else settings


def mistakes(path: Path, *settings: str) -> tuple[Diagnostic, ...]:
    """Return the errors of a spec with labels and `settings`; () if its networks can be built."""
    try:
        lower(ganspec.load(path, [*labels(path), *settings]))
    except SpecError as error:
        return error.diagnostics
    return ()


@cache  # tests ask several times
def answers(path: Path) -> dict[str, dict[str, Diagnostic | None]]:
    """Return the first error of each swap of a spec, None if it fits, by key and value."""
    return {
        key: {
            name: next(iter(mistakes(path, f"{key}={value}")), None)
            for name, value in values.items()
        }
        for key, values in AXES.items()
    }


def page() -> str:
    """Return the page of all swaps as Markdown."""
    all_answers = {path.stem: answers(path) for path in gans()}
    texts: list[str] = []
    parts = [INTRODUCTION]
    for key, values in AXES.items():
        rows = [["spec", *values], [":--", *[":-:"] * len(values)]]
        for name, each in all_answers.items():
            rows.append([f"`{name}`", *(_cell(answer, texts) for answer in each[key].values())])
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(f"## `{key}`\n\n{table}\n")
    listed = "\n".join(f"{i}. {text}" for i, text in enumerate(texts, 1))
    return "\n".join([*parts, f"## Answers\n\n{listed}\n"])


def _cell(answer: Diagnostic | None, texts: list[str]) -> str:
    """Return `yes`, or the number of an answer, which is added to `texts` if it is new."""
    if answer is None:
        return "yes"
    text = f"{answer.message}. *{answer.help}*"
    if text not in texts:
        texts.append(text)
    return str(texts.index(text) + 1)


if __name__ == "__main__":
    print(page(), end="")
