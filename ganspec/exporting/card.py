"""The model card of an exported network: a README.md with metadata for the Hugging Face hub."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ganspec.comparison.phrases import article
from ganspec.exporting.network import TrainedNetwork
from ganspec.language.dump import dump
from ganspec.program.ir import Input
from ganspec.program.measure import costs, totals
from ganspec.report.markup import markdown, markdown_line, markdown_table
from ganspec.report.run_markdown import fenced
from ganspec.runs.record import RunRecord, read_record
from ganspec.runs.run import used_files
from ganspec.runs.score_file import ScoreRow
from ganspec.sampling.label_names import label_names
from ganspec.scores.matching import all_series, conditions, metric_name
from ganspec.scores.text import measured_text
from ganspec.version import VERSION

NO_LICENSE = "unknown"  # the hub's word if no licence was chosen
# the hub's names of tasks, by the attribute of a spec that holds the key of the task's network
TASKS = {
    "draws": "unconditional-image-generation",
    "predicts": "image-classification",
    "restores": "image-to-image",
}


class Card:
    """A model card of an exported network.

    `program` is the name of the folder's program, such as `generate.py`, and `class_name` that of
    the network's class. `license` is an identifier of the hub, such as `apache-2.0`; None if the
    user chose none.
    """

    def __init__(self, network: TrainedNetwork, license: str | None, program: str, class_name: str):
        self.network, self.program, self.class_name = network, program, class_name
        self.license, self.spec = license or NO_LICENSE, network.spec
        self.record: RunRecord = read_record(network.run.folder)
        self.rows = list(self._scores())

    @property
    def task(self) -> str | None:
        """The network's task, a key of TASKS; None if the network only helps to train another."""
        return next((t for t in TASKS if getattr(self.spec, t) == self.network.key), None)

    def text(self) -> str:
        """Return the card as Markdown, below its metadata as YAML."""
        parts = [
            f"---\n{dump(self.head())}---",
            f"# {markdown(self.spec.name)}: {self.network.key}",
        ]
        parts += [markdown_line(self.spec.doc)] if self.spec.doc else []
        parts += [self._summary(), "## Load it", self._loading(), f"## Run `{self.program}`"]
        parts += [self._running(), "## Data and training", self._training()]
        parts += ["## Scores", self._score_table(), "## Licence", self._license()]
        return "\n\n".join(parts) + "\n"

    def head(self) -> dict[str, object]:
        """Return the metadata for the hub: licence, task, tags and scores."""
        spec, tag = self.spec, TASKS.get(self.task or "", "image-feature-extraction")
        noun = spec.noun.lower().replace(" ", "-")
        head: dict[str, object] = {
            "license": self.license,
            "library_name": "pytorch",
            "pipeline_tag": tag,
            "tags": [*dict.fromkeys(("ganspec", "pytorch", noun, self.network.key))],
        }
        if not self.rows:
            return head
        dataset = {"type": spec.data.dataset.kind, "name": spec.data.dataset.kind}
        results = [
            {
                "task": {"type": tag},
                "dataset": dataset,
                "metrics": [
                    {"type": row.metric, "name": ", ".join(conditions(row)), "value": row.value}
                ],
            }
            for row in self.rows
        ]
        index = [{"name": f"{spec.name}_{self.network.key}", "results": results}]
        return {**head, "model-index": index}

    # -- sections -----------------------------------------------------------------------------

    def _summary(self) -> str:
        net, weights = self.network.net, "moving average of the weights, "
        rows = [[f"`{i.name}`", self._input(i)] for i in net.inputs]
        for name, value in net.outputs.items():
            rows.append([f"`{name}`", f"output: N x {value}{self._range()}"])
        parameters = totals(costs(net))["total"]
        rows.append(["weights", f"{weights if self.network.averaged else ''}{self._when()}"])
        rows.append(["parameters", f"{parameters:,}"])
        kind = f"The {self.network.key} of {article(self.spec.noun)}"
        files = f"`{self.network.key}.py` and `{self.network.key}.safetensors`"
        lines = "\n".join(f"| {name} | {text} |" for name, text in rows)
        return f"{kind}: plain PyTorch in {files}.\n\n| | |\n|---|---|\n{lines}"

    def _input(self, start: Input) -> str:
        low, high = self.spec.data.range
        if start.role == "latent":
            shape, cfg = f"N x {start.value}", self.network.cfg
            if cfg.latent_distribution == "normal":
                return f"input: {shape} numbers of N(0, 1)"
            return f"input: {shape} uniform numbers in [{cfg.latent_low:g}, {cfg.latent_high:g}]"
        if start.role == "label":
            count = int(start.value.channels)
            if start.value.is_index:
                return f"input: N classes, int64, 0 to {count - 1}"
            return f"input: N x {count}, 1 for what an image shows and 0 for the rest"
        return f"input: N x {start.value} images, black {low:g} and white {high:g}"

    def _range(self) -> str:
        """Return `, logits` or `, black 0 and white 1` for outputs that are images; else ""."""
        if self.task not in ("draws", "restores"):
            return ""
        low, high = self.spec.data.range
        return ", logits" if self.network.logits else f", black {low:g} and white {high:g}"

    def _when(self) -> str:
        epochs, step = self.record.epochs, self.network.step
        when = f"after step {step:,}"
        return when if epochs is None else f"{when}, epoch {epochs.of(step):,.4g}"

    def _loading(self) -> str:
        key, needs = self.network.key, "`pip install torch safetensors pillow numpy`, and then:"
        code = (
            "from safetensors.torch import load_file\n"
            f"from {key} import {self.class_name}\n\n"
            f"{key} = {self.class_name}().eval()\n"
            f'{key}.load_state_dict(load_file("{key}.safetensors"))'
        )
        own = self.network.own
        note = (
            f"\n\nIt normalizes by the batch, so an output depends on the others of its batch. "
            f"Training had batches of {own}."
            if own
            else ""
        )
        return f"{needs}\n\n{fenced(code, 'python')}{note}"

    def _running(self) -> str:
        parts = [fenced(f"python {self.program}{self._example()}", "console")]
        if self.task in ("draws", "restores"):
            parts.append(self._pixels())
        if self.task == "draws":
            parts.append(
                "A seed draws the same images as `ganspec sample --label all` with this seed."
                if self.network.net.conditional
                else "A seed draws the same images as `ganspec sample` with this seed."
            )
        else:
            parts.append(
                "Each image is stretched to the network's size. Transparency, a camera's rotation "
                "and more than 8 bits a channel are not read as training reads them."
            )
        if self.task == "predicts":
            parts.append("It prints one number for each class, in order.")
        elif len(outputs := self.network.net.outputs) > 1:
            order = ", then of ".join(f"`{name}`" for name in outputs)
            parts.append(f"It prints the numbers of {order}.")
        names = label_names(self.network.run, self.spec) if self.spec.labelled else []
        if names and (self.network.net.conditional or self.task == "predicts"):
            parts.append(
                markdown_table(["label", "name"], [[str(i), n] for i, n in enumerate(names)])
            )
        return "\n\n".join(parts)

    def _example(self) -> str:
        if self.task == "draws":
            return " --count 64 --seed 0 --out images.png"
        label = " --label 0" if self.network.net.conditional else ""
        return f" photograph.png{label}"

    def _pixels(self) -> str:
        """Return Markdown that shows how an output becomes pixels, with code."""
        output = next(iter(self.network.net.outputs))
        value = f"{output}.sigmoid()" if self.network.logits else output
        value = f"({value} * 0.5 + 0.5)" if self.network.cfg.low == -1 else value
        code = f"pixels = {value}.clamp(0, 1).mul(255).round().byte()  # N x C x H x W"
        raw = "The network's numbers are logits. " if self.network.logits else ""
        return f"{raw}A PNG of an output:\n\n{fenced(code, 'python')}"

    def _training(self) -> str:
        data, train = self.spec.data, self.spec.train
        low, high = data.range
        split = f", split `{data.dataset.split}`" if hasattr(data.dataset, "split") else ""
        kinds = "".join(f" --kinds {shlex.quote(f.path.name)}" for f in used_files(self.spec))
        own = ", with the files of its own kinds, which are not in this folder" if kinds else ""
        summary = markdown(type(data.dataset).summary()).replace("\\`", "`")  # marks of code stay
        return (
            f"Images: `{data.dataset.kind}`{split}, {data.shown_shape}, black {low:g} and white "
            f"{high:g}. {summary}\n\nIt was trained in batches of {train.batch}. `spec.yaml` has "
            f"everything else: `ganspec train spec.yaml{kinds}` of ganspec {VERSION} trains it "
            f"again{own}."
        )

    def _scores(self) -> Iterator[ScoreRow]:
        """Yield the scores that were measured with the exported weights."""
        kinds = (None, "average" if self.network.averaged else "raw")
        for series in all_series(self.record) if self.task else []:
            for row in series:
                if row.step == self.network.step and row.weights in kinds:
                    yield row

    def _score_table(self) -> str:
        if not self.rows:
            return "No score was measured with these weights."
        rows = [
            [metric_name(row.metric), measured_text(row), ", ".join(conditions(row))]
            for row in self.rows
        ]
        return markdown_table(["score", "value", "conditions"], rows)

    def _license(self) -> str:
        if self.license == NO_LICENSE:
            return "No licence was chosen. The data set's licence may bind these weights, too."
        return f"`{self.license}`. The data set's licence may bind these weights, too."
