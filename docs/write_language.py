"""The reference of the language, made from its models: `docs/language.md`.

`python docs/write_language.py > docs/language.md` writes it again.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from ganspec.compiler.lower import lower_network
from ganspec.kinds.layer import Layer, Weighted
from ganspec.language.fields import LIMITS, Field, FieldType, field_type, fields_of
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.load import loads
from ganspec.language.opening import HIDDEN, Rounds
from ganspec.language.section import Section
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
SECTIONS: list[tuple[str, type[Section]]] = [
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
    ("Updates in `train.updates`", train.OwnUpdate),
    ("`train.warmup`", train.Warmup),
    ("`train.skip`", train.Skip),
    ("`evaluate`", evaluation.Evaluation),
    ("`report`", claims.Report),
    ("Counts in `report.params`", claims.Counts),
    ("Scores in `report.scores`", claims.Score),
    ("Tables in `report.log`", claims.LogTable),
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
    "weight_norm": "Written as `normalization: spectral` in a network, or in a layer with a weight "
    "as `weight_norm: spectral`.",
    "dataset": "Written as `data: {dataset: {shapes: {count: 1000}}, size: 32}`.",
    "metric": "An entry of `evaluate: {metrics: [fid, {kid: {subsets: 50}}]}`.",
}
NAME = field_type(Name)
PROBE = """
name: probe
data: {dataset: shapes}
latent: {size: 1}
generator: {layers: [LAYER]}
discriminator: {layers: [identity]}
objective: {loss: hinge}
optimizers: adam
"""


def language_page() -> str:
    """Return the whole reference as Markdown."""
    before, after = TEXT.read_text("utf-8").split("<!-- parts and kinds -->\n")
    parts = [section_text(title, model) for title, model in SECTIONS]
    kinds = ["".join(family_text(name)) for name in FAMILIES]
    return before + "\n".join([*parts, "".join(kinds)]) + after


def section_text(title: str, model: type[Section]) -> str:
    """One part of a spec with its fields."""
    fields = dict(fields_of(model))
    if issubclass(model, spec.Spec) and model is not Gan:  # which say so
        fields = {k: f for k, f in fields.items() if k not in spec.Spec.model_fields}
    if model is Gan:
        fields["blocks"] = written("blocks", dict[str, spec.BlockDefinition], "reusable pieces", {})
        fields["extends"] = written("extends", str, "a spec to change", None)
    rows = table(model, fields)
    return f"### {title}\n\n{cleaned(model)}\n\n{rows}"


def family_text(name: str) -> Iterator[str]:
    """Yield a family's kinds in order of their names."""
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


def own_fields(kind: type[Kind]) -> dict[str, Field]:
    """Return the fields that are not every layer's, or every weighted layer's."""
    common = fields_of(Weighted) if issubclass(kind, Layer) else {}
    if kind.kind == "repeat":  # what a spec writes is opened before it becomes the kind
        layers = field_type(tuple[Layer, ...])
        body = Field("layers", "layers", layers, True, None, "what is repeated")
        return {**fields_of(Rounds), "layers": body}
    return {name: field for name, field in fields_of(kind).items() if name not in common}


def written(name: str, annotation: object, description: str, default: object) -> Field:
    """Return a key of a spec that is read before there is a model."""
    return Field(name, name, field_type(annotation), False, default, description)


def facts(kind: type[Kind]) -> Iterator[str]:
    """Yield facts of a kind besides its fields, as one paragraph."""
    found = []
    if issubclass(kind, Layer) and kind.expects:
        found.append(f"Reads a {kind.expects}.")
    if issubclass(kind, Layer) and issubclass(kind, Weighted):
        found.append("Has a weight: takes `weight_norm` and `init`.")
    if kind.family == "dataset":
        (height, width), channels = kind.size, kind.channels
        colour = "grey" if channels == 1 else "colour"
        found.append(f"{height} x {width} unless `data.size` says otherwise, {colour}.")
    if kind.primary:
        found.append(f"A bare value is `{kind.primary}`.")
    if found:
        yield " ".join(found)


def examples(kind: type[Layer]) -> Iterator[str]:
    """Yield the kind's examples as entries of `layers`, each with its shapes."""
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


def table(model: type[Section], fields: dict[str, Field]) -> str:
    """Return fields as a Markdown table."""
    lines = ["| field | takes | default | |", "|---|---|---|---|"]
    for name, field in fields.items():
        cells = [f"`{name}`", takes(field.type), default(model, field), field.description]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def takes(kind: FieldType) -> str:
    """Return the values that a field takes, in words, with its bounds."""
    if kind.families and kind.family:
        name = kind.family
        return f"one {link(name, name)}, or a list of several"
    if kind.families:
        return f"a list of {link(f'{kind.families}s', FAMILIES[kind.families])}"
    if kind.family:
        heading = FAMILIES[kind.family]
        return f"one {link(heading.replace('Kinds', 'kind'), heading)}"
    if kind.map:
        keys = " or ".join(f"`{word}`" for word in kind.map.keys.words) or "names"
        return f"a map of {keys}, each {_described(kind.map.values)}"
    if kind == NAME:
        return "a name"
    return ", ".join([_described(kind), *bounds(kind)])


def _described(kind: FieldType) -> str:
    if kind.section is None:
        return str(kind)
    heading = next(title for title, model in SECTIONS if model is kind.section)
    return str(kind).replace("a map", f"a {link('map', heading)}")


def link(text: str, heading: str) -> str:
    """Return `text` as a link to a heading of the page, with the anchor that GitHub gives it."""
    return f"[{text}](#{re.sub(r'[^a-z0-9 _-]', '', heading.lower()).replace(' ', '-')})"


def bounds(kind: FieldType) -> Iterator[str]:
    """Yield the bounds of one number in words, but for those that nobody meets."""
    if len(kind.scalars) != 1 or kind.lists or kind.literals:
        return
    (scalar,) = kind.scalars
    for limit in scalar.limits:
        if limit.bound > 1_000_000:
            continue
        if scalar.python is int and limit.relation == "gt":
            yield f"at least {limit.bound + 1:,}"
        else:
            yield f"{LIMITS[limit.relation]} {limit.bound:,}"


def default(model: type[Section], field: Field) -> str:
    """Return the field's default, and other frameworks' where they differ."""
    if field.required:
        return "required"
    value = field.default
    if isinstance(value, BaseModel):
        shown = "the defaults"
    elif value in (None, "", {}, ()):
        shown = "none"
    else:
        shown = f"`{flow(value)}`"
    others: dict[str, list[str]] = {}
    for framework, fields in model.framework_defaults.items():
        if field.name in fields:
            others.setdefault(flow(fields[field.name]), []).append(framework)
    texts = [f"`{value}` under {' and '.join(names)}" for value, names in others.items()]
    return "; ".join([shown, *texts])


def cleaned(model: type[Section]) -> str:
    """Return a docstring as Markdown: paragraphs kept, each on one line."""
    paragraphs = inspect.cleandoc(model.__doc__ or "").split("\n\n")
    return "\n\n".join(re.sub(r"\s*\n\s*", " ", p) for p in paragraphs)


if __name__ == "__main__":
    print(language_page(), end="")
