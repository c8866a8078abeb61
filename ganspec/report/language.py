"""The reference of the language, made from its models: `docs/language.md`.

`python -m ganspec.report.language > docs/language.md` writes it again.
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

from ganspec.compiler.ir import Input, Value
from ganspec.compiler.lower import lower_network
from ganspec.compiler.printer import number
from ganspec.language import spec as models
from ganspec.language.annotations import describe, family, fields_of, many, mapping, section
from ganspec.language.expr import Width
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.load import loads
from ganspec.language.opening import HIDDEN, Rounds
from ganspec.layers.layer import Layer, Weighted

TEXT = Path(__file__).parents[2] / "docs" / "language.in.md"  # what is written by hand

# The parts of a spec, as readers meet them: heading, model.
SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("The spec", models.Spec),
    ("`data`", models.Data),
    ("`latent`", models.Latent),
    ("`generator` and `discriminator`", models.Network),
    ("`objective`", models.Objective),
    ("`optimizers`", models.Optimizers),
    ("`train`", models.Train),
    ("`train.steps`", models.Steps),
    ("`report`", models.Report),
    ("Counts in `report.params`", models.Counts),
    ("`blocks`", models.Block),
]
FAMILIES = {
    "layer": "Layers",
    "loss": "Losses",
    "penalty": "Penalties",
    "optimizer": "Optimizers",
    "initializer": "Initial weights",
    "weight_norm": "Weight norms",
    "dataset": "Data sets",
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
    return before + "\n".join(parts) + "\n" + "\n".join(kinds) + after


def section_text(title: str, model: type[BaseModel]) -> str:
    """One part of a spec with its fields."""
    fields = dict(fields_of(model))
    if model is models.Spec:
        fields["blocks"] = FieldInfo(annotation=dict, default={}, description="reusable pieces")
        fields["extends"] = FieldInfo(annotation=str, default=None, description="a spec to change")
    rows = table(model, fields)
    return f"### {title}\n\n{cleaned(model)}\n\n{rows}"


def family_text(name: str) -> Iterator[str]:
    """A family's kinds, in order of their names."""
    yield f"## {FAMILIES[name]}\n\n"
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
    for fields, shape in kind.examples:
        layer = kind.kind if fields is None else f"{kind.kind}: {flow(fields)}"
        spec = loads(PROBE.replace("LAYER", f"{{{layer}}}" if fields else layer))
        start = Input("x", Value(-1, shape, Width(shape[0])))
        made = lower_network("Probe", "", spec.generator, spec.scope, start).output
        sizes = f"{' x '.join(map(str, shape))} -> {made}"
        yield f"- {layer:<60}  # {sizes}"


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
    if (name := family(annotation)) or (listed := many(annotation)):
        word = (name or listed).replace("_", " ")
        link = f"[{word}](#{FAMILIES[name or listed].lower().replace(' ', '-')})"
        return f"one {link}" if name else f"a list of [layers](#{FAMILIES['layer'].lower()})"
    if pair := mapping(annotation):
        return f"a map of {_keys(pair[0])} to {describe(pair[1]).removeprefix('a ')}"
    if model := section(annotation):
        title = next((t for t, m in SECTIONS if m is model), None)
        return f"a map: {title}" if title else "a map"
    return ", ".join([describe(annotation), *bounds(field)])


def _keys(annotation: object) -> str:
    known = typing.get_args(annotation)
    texts = [f"`{k}`" for k in known if isinstance(k, str)]
    return " or ".join(texts) if texts else "names"


def bounds(field: FieldInfo) -> Iterator[str]:
    """The field's bounds in words; a whole number's as the numbers that it may be."""
    for limit in field.metadata:
        for name, words in BOUNDS:
            if (bound := getattr(limit, name, None)) is None:
                continue
            if field.annotation is int and name in ("gt", "lt"):
                yield f"at least {bound + 1}" if name == "gt" else f"at most {bound - 1}"
            else:
                yield f"{words} {bound:,}"


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
