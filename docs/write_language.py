"""The reference of the language, made from its models: `docs/language.md`.

`python docs/write_language.py > docs/language.md` writes it again.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ganspec.compiler.lower import lower_network
from ganspec.kinds.layer import Layer, Weighted
from ganspec.language.annotations import (
    describe,
    family,
    fields_of,
    many,
    mapping,
    section,
    words,
)
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.load import loads
from ganspec.language.opening import HIDDEN, Rounds
from ganspec.language.types import Name
from ganspec.program.ir import start_input
from ganspec.program.spelling import number
from ganspec.systems import claims, evaluation, schedule, spec
from ganspec.systems.autoencoder import spec as autoencoder
from ganspec.systems.classifier import spec as classifier
from ganspec.systems.gan import fields as gan
from ganspec.systems.gan import train
from ganspec.systems.gan.spec import Gan
from ganspec.systems.spec import Interface
from ganspec.systems.vae import spec as vae

TEXT = Path(__file__).with_name("language.in.md")  # what is written by hand

# The parts of a spec, as readers meet them: heading, model.
SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("The spec", Gan),
    ("`data`", spec.Data),
    ("`latent`", gan.Latent),
    ("`condition` and `label`", spec.Label),
    ("`generator` and `discriminator`", spec.Network),
    ("`objective`", gan.Objective),
    ("`objective.auxiliary`", gan.AuxiliaryLoss),
    ("`objective.l2`", gan.Decay),
    ("`optimizers`", gan.Optimizers),
    ("`train`", train.Train),
    ("`train.steps`", train.Steps),
    ("`train.warmup`", train.Warmup),
    ("`train.skip`", train.Skip),
    ("`evaluate`", evaluation.Evaluation),
    ("`report`", claims.Report),
    ("Counts in `report.params`", claims.Counts),
    ("Scores in `report.scores`", claims.Score),
    ("`blocks`", spec.BlockDefinition),
    ("A classifier", classifier.Classifier),
    ("`objective` of a classifier", classifier.Prediction),
    ("An autoencoder", autoencoder.Autoencoder),
    ("`objective` of an autoencoder", autoencoder.Reconstruction),
    ("`objective.noise`", autoencoder.InputNoise),
    ("A variational autoencoder", vae.Vae),
    ("`latent` of a variational autoencoder", vae.Code),
    ("`objective` of a variational autoencoder", vae.Evidence),
    ("`train` of other systems than GANs", schedule.Schedule),
]
FAMILIES = {
    "layer": "Kinds of layer",
    "condition": "Kinds of condition",
    "loss": "Kinds of loss",
    "criterion": "Kinds of criterion",
    "penalty": "Kinds of penalty",
    "optimizer": "Kinds of optimizer",
    "initializer": "Kinds of initial weights",
    "weight_norm": "Kinds of weight norm",
    "metric": "Kinds of metric",
    "dataset": "Kinds of data set",
}
WRITTEN = {
    "layer": "An entry of a network's `layers`. Arrows show what an example makes of its input.",
    "condition": "Written as `condition: {embedding: 50}` in a network, or under `join_label`.",
    "loss": "Written as `objective: {loss: hinge}`.",
    "criterion": "The loss of a single network, written as `objective: {loss: cross_entropy}`.",
    "penalty": "Written as `objective: {loss: wasserstein, penalty: {gradient: 10}}`.",
    "optimizer": "Written as `optimizers: {adam: {lr: 2e-4}}`, or one for each network.",
    "initializer": "Written as `init: {normal: 0.02}` in a network or in a layer with a weight.",
    "weight_norm": "Written as `norm: spectral` in a network or in a layer with a weight.",
    "dataset": "Written as `data: {dataset: {shapes: {count: 1000}}, size: 32}`.",
    "metric": "An entry of `evaluate: {metrics: [fid, {kid: {subsets: 50}}]}`.",
}
BOUNDS = [("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")]
PROBE = """
name: probe
data: {dataset: shapes}
latent: {size: 1}
generator: {normalization: batch_norm, layers: [LAYER]}
discriminator: {layers: [identity]}
objective: {loss: hinge}
optimizers: adam
"""


def language_page() -> str:
    """The whole reference as Markdown."""
    before, after = TEXT.read_text("utf-8").split("<!-- parts and kinds -->\n")
    parts = [section_text(title, model) for title, model in SECTIONS]
    kinds = ["".join(family_text(name)) for name in FAMILIES]
    return before + "\n".join([*parts, "".join(kinds)]) + after


def section_text(title: str, model: type[BaseModel]) -> str:
    """One part of a spec with its fields."""
    fields = dict(fields_of(model))
    if issubclass(model, spec.Spec) and model is not Gan:  # which say so
        fields = {k: f for k, f in fields.items() if k not in spec.Spec.model_fields}
    if model is Gan:
        blocks = dict[str, spec.BlockDefinition]
        fields["blocks"] = FieldInfo(annotation=blocks, default={}, description="reusable pieces")
        fields["extends"] = FieldInfo(annotation=str, default=None, description="a spec to change")
    rows = table(model, fields)
    return f"### {title}\n\n{cleaned(model)}\n\n{rows}"


def family_text(name: str) -> Iterator[str]:
    """A family's kinds, in order of their names."""
    yield f"## {FAMILIES[name]}\n\n{WRITTEN[name]}\n\n"
    for kind in sorted(kinds_of(name).values(), key=lambda kind: kind.kind):
        if kind.kind not in HIDDEN:
            yield kind_text(kind)


def kind_text(kind: type[Kind]) -> str:
    """One kind: what it is, its fields, and what it makes of its examples."""
    parts = [f"### `{kind.kind}`", cleaned(kind), *facts(kind)]
    fields = own_fields(kind)
    if fields:
        parts.append(table(kind, fields).rstrip())
    if issubclass(kind, Layer) and kind.examples:
        parts.append("```yaml\n" + "\n".join(examples(kind)) + "\n```")
    return "\n\n".join(parts) + "\n\n"


def own_fields(kind: type[Kind]) -> dict[str, FieldInfo]:
    """The fields that are not every layer's, or every weighted layer's."""
    common = fields_of(Weighted) if issubclass(kind, Layer) else {}
    if kind.kind == "repeat":  # what a spec writes is opened before it becomes the kind
        layers = FieldInfo(annotation=tuple[Layer, ...], description="what is repeated")
        return {**fields_of(Rounds), "layers": layers}
    return {name: field for name, field in fields_of(kind).items() if name not in common}


def facts(kind: type[Kind]) -> Iterator[str]:
    """What holds of a kind besides its fields, as one paragraph."""
    found = []
    if issubclass(kind, Layer) and kind.expects:
        found.append(f"Reads a {kind.expects}.")
    if issubclass(kind, Layer) and issubclass(kind, Weighted):
        found.append("Has a weight: takes `norm` and `init`.")
    if kind.family == "dataset":
        (height, width), channels = kind.size, kind.channels
        colour = "grey" if channels == 1 else "colour"
        found.append(f"{height} x {width} unless `data.size` says otherwise, {colour}.")
    if kind.primary:
        found.append(f"A bare value is `{kind.primary}`.")
    if found:
        yield " ".join(found)


def examples(kind: type[Layer]) -> Iterator[str]:
    """The kind's examples as entries of `layers`, with what each makes of its input."""
    layers = [kind.kind if f is None else f"{kind.kind}: {flow(f)}" for f, _ in kind.examples]
    width = max(map(len, layers))
    for layer, (fields, shape) in zip(layers, kind.examples, strict=True):
        probe = loads(PROBE.replace("LAYER", layer if fields is None else f"{{{layer}}}"))
        interface = Interface(start_input(shape), "value", "")
        made = lower_network("Probe", probe.generator, probe.scope, interface).output
        yield f"- {layer:<{width}}  # {' x '.join(map(str, shape))} -> {made}"


def flow(value: object) -> str:
    """Plain data as a person writes it on one line of YAML."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, str) else json.dumps(value)


# -- fields -----------------------------------------------------------------------------------


def table(model: type[BaseModel], fields: dict[str, FieldInfo]) -> str:
    """Fields as a Markdown table."""
    lines = ["| field | takes | default | |", "|---|---|---|---|"]
    for name, field in fields.items():
        cells = [f"`{name}`", takes(field), default(model, name, field), field.description or ""]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def takes(field: FieldInfo) -> str:
    """What a field takes, in words, with its bounds."""
    annotation = field.annotation
    if listed := many(annotation):
        return f"a list of {link(f'{listed}s', FAMILIES[listed])}"
    if name := family(annotation):
        return f"one {link(FAMILIES[name].replace('Kinds', 'kind'), FAMILIES[name])}"
    if pair := mapping(annotation):
        return f"a map of {_keys(pair[0])}, each {_described(pair[1])}"
    if Name.__metadata__[0] in field.metadata:
        return "a name"
    return ", ".join([_described(annotation), *bounds(annotation, field.metadata)])


def _keys(annotation: object) -> str:
    known = words(annotation)
    return " or ".join(f"`{word}`" for word in known) if known else "names"


def _described(annotation: object) -> str:
    text = describe(annotation)
    if (model := section(annotation)) is None:
        return text
    return text.replace("a map", f"a {link('map', next(t for t, m in SECTIONS if m is model))}")


def link(text: str, heading: str) -> str:
    """`text` as a link to a heading of the page, whose anchor is made as GitHub makes it."""
    return f"[{text}](#{re.sub(r'[^a-z0-9 _-]', '', heading.lower()).replace(' ', '-')})"


def bounds(annotation: object, metadata: typing.Iterable[object]) -> Iterator[str]:
    """The bounds of one number in words, but for those that nobody meets."""
    inner = [a for a in typing.get_args(annotation) if a is not type(None)]
    if len(inner) == 1 and typing.get_origin(inner[0]) is typing.Annotated:  # `X | None`
        annotation, *metadata = typing.get_args(inner[0])
    # an Annotated's own bounds still stand in a `Field(...)`
    for limit in [m for each in metadata for m in getattr(each, "metadata", [each])]:
        for name, said in BOUNDS:
            bound = getattr(limit, name, None)
            if bound is None or bound > 1_000_000:
                continue
            if annotation is int and name == "gt":
                yield f"at least {bound + 1:,}"
            else:
                yield f"{said} {bound:,}"


def default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """The field's default, and other frameworks' where they differ."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        shown = "the defaults"
    elif value in (None, "", {}, ()):
        shown = "none"
    else:
        shown = f"`{flow(value)}`"
    others: dict[str, list[str]] = {}
    for framework, fields in getattr(model, "framework_defaults", {}).items():
        if name in fields:
            others.setdefault(flow(fields[name]), []).append(framework)
    texts = [f"`{value}` under {' and '.join(names)}" for value, names in others.items()]
    return "; ".join([shown, *texts])


def cleaned(model: type[BaseModel]) -> str:
    """A docstring as Markdown: paragraphs kept, each on one line."""
    paragraphs = inspect.cleandoc(model.__doc__ or "").split("\n\n")
    return "\n\n".join(re.sub(r"\s*\n\s*", " ", p) for p in paragraphs)


if __name__ == "__main__":
    print(language_page(), end="")
