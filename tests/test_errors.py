"""Messages about mistakes in specs: `errors/*.md`, compared whole.

Each case of a file is a heading, the spec in a `yaml` block, and everything that loading, lowering
and the contract say of it in a `text` block. A line that is a file's name in backticks and a colon
names the block below it; `base.yaml` below is there for every case to extend. A line
`--set key=value` in backticks is a setting. `GANSPEC_UPDATE=1` writes what is said now,
in one process.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ganspec.compiler.lower import lower
from ganspec.language.errors import SpecError
from ganspec.language.kinds import kinds_of
from ganspec.language.load import load

FOLDER = Path(__file__).parent / "errors"
UPDATE = bool(os.environ.get("GANSPEC_UPDATE"))
CASE = re.compile(r"^## (?P<title>.+?)\n(?P<body>.*?)^```text\n(?P<said>.*?)^```$", re.M | re.S)
BLOCK = re.compile(r"(?:^`(?P<name>[^`\n]+)`:\n\n?)?^```yaml\n(?P<text>.*?)^```$", re.M | re.S)
SETTING = re.compile(r"^`--set (?P<setting>[^`\n]+)`$", re.M)
BASE = """\
name: tiny
vars: {z: 4, ch: 2}
data: {dataset: shapes, size: 8}
latent: {size: z}
generator:
  layers:
    - project: [2 * ch, 4, 4]
    - relu
    - conv_transpose: {out: 3, kernel: 4, stride: 2}
    - tanh
discriminator:
  layers:
    - conv: {out: ch, kernel: 4, stride: 2}
    - leaky_relu: 0.2
    - flatten
    - linear: 1
objective: {loss: hinge}
optimizers: {adam: {lr: 2e-4, betas: [0.5, 0.999]}}
train: {batch: 4}
"""


def said(body: str, folder: Path, monkeypatch) -> str:
    """Everything that a user is told about the spec of one case."""
    monkeypatch.chdir(folder)
    Path("base.yaml").write_text(BASE, "utf-8")
    for block in BLOCK.finditer(body):
        Path(block["name"] or "spec.yaml").write_text(block["text"], "utf-8")
    settings = [match["setting"] for match in SETTING.finditer(body)]
    try:
        spec = load("spec.yaml", settings)
        found = list(spec.contract(lower(spec)))
    except SpecError as error:
        found = error.diagnostics
    lines = "\n\n".join(d.render() for d in found) or "nothing is wrong"
    return "".join(f"{line.rstrip()}\n" for line in lines.split("\n"))


def current(said: str) -> str:
    """Return a case's expected text with the criteria that the registry has now."""
    criteria = kinds_of("criterion")
    of_images = [kind for kind, cls in criteria.items() if "images" in cls.targets]
    said = re.sub("(?<=known criteria: ).*", ", ".join(sorted(criteria)), said)
    two = "use `binary_cross_entropy` or `mean_squared_error`"
    return said.replace(two, f"use {' or '.join(f'`{kind}`' for kind in of_images)}")


def cases() -> list:
    found = []
    for path in sorted(FOLDER.glob("*.md")):
        matches = list(CASE.finditer(path.read_text("utf-8")))
        found += [pytest.param(path, m, id=f"{path.stem}: {m['title']}") for m in matches]
    return found


@pytest.mark.parametrize(("path", "case"), cases())
def test_user_is_told(path, case, tmp_path, monkeypatch):
    now = said(case["body"], tmp_path, monkeypatch)
    if UPDATE:
        assert "PYTEST_XDIST_WORKER" not in os.environ, "update in one process"
        text = path.read_text("utf-8")
        old = case[0]
        path.write_text(text.replace(old, old[: -len(case["said"] + "```")] + now + "```"), "utf-8")
    else:
        assert now == current(case["said"])


def test_no_case_is_lost():
    """Every heading of every file is a case, and no two are called alike."""
    for path in FOLDER.glob("*.md"):
        text = path.read_text("utf-8")
        titles = re.findall(r"^## (.+)$", text, re.M)
        assert titles == [m["title"] for m in CASE.finditer(text)]
        assert len(set(titles)) == len(titles)
        assert text.count("```yaml") == sum(
            len(list(BLOCK.finditer(m["body"]))) for m in CASE.finditer(text)
        )


@pytest.mark.parametrize(
    ("spec", "swap", "remedies"),
    [
        ("wgan_gp", "objective.penalty=none", ["objective.penalty=null"]),
        ("sagan", "generator.init=none", ["generator.init=null"]),
        ("classifier_fashion", "classifier.normalization=class_batch", ["{}=layer"]),
        ("vae_fashion", "encoder.condition=concat", ["{}=none"]),
        ("vae_fashion", "data.dataset=cifar10", ["data.size=[28, 28]", "data.channels=1"]),
        ("vae_fashion", "encoder.normalization=batch", ["{}=none"]),
        ("dcgan", "optimizers={sgd: {nesterov: true}}", ["optimizers.sgd.momentum=0.9"]),
        (
            "cgan_fashion",
            "condition=null",
            ["generator.condition=none", "discriminator.condition=none", "train.labels=null"],
        ),
    ],
)
def test_a_remedy_works_to_the_letter(spec, swap, remedies):
    path = FOLDER.parent.parent / "specs" / f"{spec}.yaml"
    with pytest.raises(SpecError) as error:
        lower(load(path, [swap]))
    said = " ".join(each.help for each in error.value.diagnostics)
    for remedy in remedies:
        word = remedy.split("=")[1].strip("[]").split(",")[0]
        assert word in said or (word == "null" and "away" in said)
    key = swap.split("=")[0]
    lower(load(path, [swap, *(remedy.format(key) for remedy in remedies)]))


def test_house_style():
    """Headlines are lowercase and end without a full stop; every finding has a place."""
    for path in FOLDER.glob("*.md"):
        for line in re.findall(r"^(?:error|warning)\[.*$", path.read_text("utf-8"), re.M):
            head, message = line.split("]: ", 1)
            assert re.fullmatch(r"(error|warning)\[[a-z-]+", head), line
            assert not message[0].isupper() and not message.endswith("."), line
