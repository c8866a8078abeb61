"""The reference of the language: `python docs/write_language.py > docs/language.md` writes it.

It is made from `language.in.md` and from the classes of sections and kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ganspec.compiler.lower import lower_network
from ganspec.kinds.layer import Layer, Weighted
from ganspec.language.fields import Field, field_type, fields_of
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.load import loads
from ganspec.language.opening import HIDDEN
from ganspec.language.section import Section
from ganspec.program.ir import start_input
from ganspec.reference.words import (
    FAMILIES,
    SPEC_KEYS,
    cleaned,
    default,
    facts,
    flow,
    takes,
    written_fields,
)
from ganspec.systems import claims, evaluation, schedule, spec
from ganspec.systems.autoencoder import spec as autoencoder
from ganspec.systems.classifier import spec as classifier
from ganspec.systems.gan import fields as gan
from ganspec.systems.gan import train
from ganspec.systems.gan.spec import Gan
from ganspec.systems.spec import Interface
from ganspec.systems.vae import spec as vae

TEXT = Path(__file__).with_name("language.in.md")  # what is written by hand

# pairs of a heading and the class of the section that it is about, in the order of the page
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
WRITTEN = {
    "layer": "An entry of a network's `layers`. Arrows show what an example makes of its input.",
    "condition": "Written as `condition: {embedding: 50}` in a network, or under `join_label`.",
    "loss": "Written as `objective: {loss: hinge}`.",
    "criterion": "The loss of a system without a discriminator, as in "
    "`objective: {loss: cross_entropy}`.",
    "penalty": "Written as `objective: {loss: wasserstein, penalty: {gradient: 10}}`.",
    "optimizer": "Written as `optimizers: {adam: {lr: 2e-4}}` in a GAN, or one for each network; "
    "in other systems as `optimizer: {adam: {lr: 2e-4}}`.",
    "initializer": "Written as `init: {normal: 0.02}` in a network or in a layer with a weight.",
    "weight_norm": "Written as `normalization: spectral` in a network, or in a layer with a weight "
    "as `weight_norm: spectral`.",
    "dataset": "Written as `data: {dataset: {shapes: {count: 1000}}, size: 32}`.",
    "metric": "An entry of `evaluate: {metrics: [fid, {kid: {subsets: 50}}]}`.",
}
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
    """Return the heading of a section, its class's docstring, and a table of its fields."""
    fields = dict(fields_of(model))
    if issubclass(model, spec.Spec) and model is not Gan:  # its docstring names the others
        fields = {k: f for k, f in fields.items() if k not in spec.Spec.model_fields}
    if model is Gan:
        fields["blocks"] = written("blocks", dict[str, spec.BlockDefinition], {})
        fields["extends"] = written("extends", str, None)
    rows = table(model, fields)
    return f"### {title}\n\n{cleaned(model)}\n\n{rows}"


def family_text(name: str) -> Iterator[str]:
    """Yield the heading of a family, and the texts of its kinds in the order of their names."""
    yield f"## Kinds of {FAMILIES[name]}\n\n{WRITTEN[name]}\n\n"
    for kind in sorted(kinds_of(name).values(), key=lambda kind: kind.kind):
        if kind.kind not in HIDDEN:
            yield kind_text(kind)


def kind_text(kind: type[Kind]) -> str:
    """Return the text about a kind: its docstring, its fields, and a layer's examples."""
    parts = [f"### `{kind.kind}`", cleaned(kind)]
    if said := facts(kind):
        parts.append(said)
    fields = own_fields(kind)
    if fields:
        parts.append(table(kind, fields).rstrip())
    if issubclass(kind, Layer) and kind.examples:
        parts.append("```yaml\n" + "\n".join(examples(kind)) + "\n```")
    return "\n\n".join(parts) + "\n\n"


def own_fields(kind: type[Kind]) -> dict[str, Field]:
    """Return a kind's fields, except those that all layers, or all weighted layers, have."""
    common = fields_of(Weighted) if issubclass(kind, Layer) else {}
    return {name: field for name, field in written_fields(kind).items() if name not in common}


def written(name: str, annotation: object, default: object) -> Field:
    """Return the field of a key of SPEC_KEYS, which is a field of no class."""
    return Field(name, name, field_type(annotation), False, default, SPEC_KEYS[name])


def examples(kind: type[Layer]) -> Iterator[str]:
    """Yield the kind's examples as entries of `layers`, each with its shapes."""
    layers = [kind.kind if f is None else f"{kind.kind}: {flow(f)}" for f, _ in kind.examples]
    width = max(map(len, layers))
    for layer, (fields, shape) in zip(layers, kind.examples, strict=True):
        probe = loads(PROBE.replace("LAYER", layer if fields is None else f"{{{layer}}}"))
        interface = Interface(start_input(shape), "value", "")
        made = lower_network("Probe", probe.generator, probe.scope, interface).output
        yield f"- {layer:<{width}}  # {' x '.join(map(str, shape))} -> {made}"


# -- fields -----------------------------------------------------------------------------------


def table(model: type[Section], fields: dict[str, Field]) -> str:
    """Return fields as a Markdown table."""
    lines = ["| field | takes | default | |", "|---|---|---|---|"]
    for name, field in fields.items():
        cells = [f"`{name}`", takes(field.type, link), default(model, field), field.description]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def link(text: str, target: str | type[Section]) -> str:
    """Return `text` as a link to a heading, with GitHub's anchor.

    `target` is a class in SECTIONS, the name of a family, or the heading itself.
    """
    if isinstance(target, str):
        heading = f"Kinds of {FAMILIES[target]}" if target in FAMILIES else target
    else:
        heading = next((title for title, model in SECTIONS if model is target), "")
        assert heading, f"add {target.__name__} to SECTIONS in {__file__}"
    return f"[{text}](#{anchor(heading)})"


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


if __name__ == "__main__":
    print(language_page(), end="")
