"""What a report prints, what it implies, and what its framework gives: no value is neither.

`printed_facts.yaml` lists what the reports print, independently of the specs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import ganspec
from ganspec.language.parts import HOLDER, SpecPart
from ganspec.systems.implied import Implied
from ganspec.systems.spec import Spec

ROOT = Path(__file__).parent.parent
FACTS = yaml.safe_load((ROOT / "tests" / "printed_facts.yaml").read_text("utf-8"))

# arguments of the frameworks' own layers and optimizers: a report that names its framework and
# passes nothing has the framework's default
ARGUMENTS = {
    *("bias", "dilation", "groups", "output_padding", "split", "stride", "channels", "active"),
    *("eps", "momentum", "scale", "center", "affine", "power_iterations", "mode", "padding"),
    *("betas", "weight_decay", "eps_hat", "alpha", "form", "of"),
}
OUTSIDE = ("report", "evaluate")  # claims, and measurements of them


def spec_of(name: str) -> Spec:
    return ganspec.load(ROOT / "specs" / f"{name}.yaml")


def choices(part: SpecPart) -> list[SpecPart]:
    """Return a value, a section's values, or the kinds that a part holds, without their fields."""
    lists = [p for p in part.parts if p.parts and p.parts[0].path.rpartition(".")[2].isdigit()]
    if part.value is HOLDER:
        return [value for inner in part.parts for value in choices(inner)]
    return [part, *(value for inner in lists for value in choices(inner))]


def framework_values(spec: Spec, root: SpecPart) -> set[SpecPart]:
    """Return the arguments of layers and optimizers at the framework's defaults."""
    given = set()
    for kind in (part for part in root.values() if part.kind and part.kind.family != "loss"):
        usual = type(kind.kind).defaults(spec.framework)
        for part in kind.parts:
            default = usual.get(part.name) if part.name in ARGUMENTS else HOLDER
            if isinstance(default, tuple):
                default = default[int(part.path.rpartition(".")[2])]
            if part.value == default:
                given.add(part)
    return given


def ineffective(spec: Spec, root: SpecPart) -> set[SpecPart]:
    """Return values that are off, or change nothing in this spec."""
    paths = ["train.seed", "train.keep", "generator.reshape.shape.0"]  # what the input has
    latent, train = getattr(spec, "latent", None), spec.train
    paths += ["latent.range"] if latent and latent.distribution == "normal" else []
    paths += ["data.resize"] if spec.data.size is None else []
    paths += ["objective.l2"] if spec.draws else []
    if spec.draws and train.steps.discriminator == 1:
        paths += ["train.batches"]
    if spec.draws and spec.labelled is None:
        paths += ["train.labels"]
    settings = [f"{network}.init" for network in spec.networks]  # None: the framework's own
    off = {p for p in root.values() if p.value is None or p.value is False}
    off = {part for part in off if part.path not in settings}
    named = (value for path in paths for part in root.named(path) for value in part.values())
    return off | set(named)


@pytest.mark.parametrize("name", FACTS)
def test_a_spec_has_what_its_report_prints(name):
    implied = Implied(spec_of(name))
    for path, printed, place in FACTS[name]:
        parts = [each for part in implied.root.named(path) for each in choices(part)]
        found = [part.value for part in parts if not (part.kind and part in implied.values)]
        words = printed.split() if path.endswith(".layers") else printed
        wanted = words if isinstance(words, list) else [words] * max(len(found), 1)
        assert found == wanted, (path, place)
        assert not [part.path for part in parts if not part.kind and part in implied.values], path


@pytest.mark.parametrize("name", FACTS)
def test_no_value_of_a_report_is_neither_printed_nor_implied(name):
    spec = spec_of(name)
    implied = Implied(spec)
    root = implied.root
    named = (part for path, *_ in FACTS[name] for part in root.named(path))
    printed = {each for part in named for each in choices(part)} - set(implied.values)
    rest = [part for part in root.values() if part.path.partition(".")[0] not in OUTSIDE]
    known = printed | set(implied.values) | framework_values(spec, root) | ineffective(spec, root)
    assert [f"{part.path} = {part.value}" for part in rest if part not in known] == []


def test_the_sixteen_systems_have_facts():
    reports = {
        p.stem for p in (ROOT / "specs").glob("*.yaml") if "Report 00" in p.read_text("utf-8")
    }
    assert set(FACTS) >= reports and len(FACTS) == 16
