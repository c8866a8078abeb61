"""HTML that shows specs, networks, runs, images and comparisons in notebooks.

`ganspec/__init__` lists the functions `show_*` as views (`ganspec.language.views`). Texts of specs
and runs are escaped. Pictures are `data:` addresses, in which no scripts run and which load no
files.
"""

from __future__ import annotations

import io

from PIL import Image

from ganspec.comparison.edits import Comparison
from ganspec.comparison.survey import Survey
from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.compiler.view import lower_to_view
from ganspec.language.errors import GanspecError
from ganspec.program.ir import Net
from ganspec.report.graph_svg import picture
from ganspec.report.page import data_uri, page
from ganspec.report.run_images import final_picture
from ganspec.report.run_view import RunView
from ganspec.report.survey_table import page_layout
from ganspec.report.table import layer_table
from ganspec.runs.record import read_record
from ganspec.sampling.trained_run import Samples, TrainedRun
from ganspec.systems.spec import Spec

LARGEST = 120_000  # bytes of a picture: a run's is compressed to it, a larger graph left out
WIDEST = 512  # largest width in pixels to which a small picture is enlarged
PLOTS = 2  # most plots of a run, so that a notebook's file stays small


def show(name: str, view: object) -> str:
    """Return the HTML that the macro `name` of `notebook.html.jinja` writes from `view`."""
    return page("notebook.html.jinja", name=name, view=view)


def show_spec(spec: Spec) -> str:
    """Return the HTML of a spec: data, batch, epochs and variables, then its networks.

    The networks are shown as tables of layers and, unless it is too large, as a graph. If they
    cannot be built, the error is shown.
    """
    view: dict[str, object] = {"name": spec.name, "noun": spec.noun, "doc": spec.doc}
    view["facts"] = [
        ("data", f"{spec.data.dataset.kind}, {spec.data.shown_shape}"),
        ("batch", spec.train.batch),
        ("epochs", f"{spec.train.epochs:,}"),
        *spec.vars.items(),
    ]
    try:
        nets = lower_to_view(spec)
        networks = [_cells(key, net) for key, net in nets.items()]
        view |= {"networks": networks, "graph": _graph(spec.name, nets), "complaint": None}
    except GanspecError as error:
        view["complaint"] = str(error)
    return show("spec", view)


def show_network(network: EvaluatedNetwork) -> str:
    """Return the HTML of a network: its table of layers and, unless it is too large, its graph."""
    net = network.program
    return show(
        "network", {"network": _cells(net.name, net), "graph": _graph(net.name, {net.name: net})}
    )


def show_run(run: TrainedRun) -> str:
    """Return the HTML of a run's newest picture, the plots of its log, and its scores.

    For a folder that holds no run, the HTML shows only `repr(run)`.
    """
    if not run.spec_path.is_file():
        empty: dict[str, object] = {"picture": None, "plots": [], "scores": [], "remarks": []}
        return show("run", {"folder": repr(run), "when": "", **empty})
    record = read_record(run.folder)
    view, newest = RunView(record, "run1"), final_picture(record, LARGEST)
    scores = [
        (line.metric, line.measured, line.claimed, ", ".join(line.conditions))
        for line in view.scores
    ]
    shown: dict[str, object] = {
        "folder": str(run.folder),
        "when": view.when(record.last_step) if record.columns else "no step yet",
        "remarks": view.remarks,
        "pictured": view.pictured,
        "picture": newest.uri if newest else None,
        "width": _enlarged(newest.width) if newest else 0,
        "plots": [{"title": p.title, "uri": data_uri(p.png(), "png")} for p in view.plots[:PLOTS]],
        "scores": scores,
    }
    return show("run", shown)


def show_samples(samples: Samples) -> str:
    """Return the HTML of the grid of new images, enlarged if it is small."""
    data = samples.png()
    with Image.open(io.BytesIO(data)) as image:
        width = _enlarged(image.width)
    view = {"alt": repr(samples), "width": width, "picture": data_uri(data, "png")}
    return show("samples", view)


def show_comparison(comparison: Comparison) -> str:
    """Return the HTML of two specs' main differences, then of layers and settings that differ."""
    return show("comparison", comparison)


def show_survey(survey: Survey) -> str:
    """Return the HTML of a table of the properties in which specs differ; of one spec, of all."""
    return show("survey", page_layout(survey))


def _cells(name: str, net: Net) -> dict[str, object]:
    """Return the table of a network's layers, with `name` in its title.

    If some parameters are not trainable, the title also has the numbers of these and of the others.
    """
    table = layer_table(net, captions=True)
    note = f" ({table.note})" if table.note else ""
    return {"title": name + note, "head": table.head, "rows": table.rows, "total": table.total}


def _enlarged(width: int) -> int:
    """Return the largest multiple of `width` that is at most WIDEST, or `width` if it is larger."""
    return width * max(1, WIDEST // max(width, 1))


def _graph(title: str, nets: dict[str, Net]) -> str | None:
    """Return the graph of networks as an SVG in a data URI; None if it has over LARGEST bytes."""
    data = picture(title, nets).encode("utf-8")
    return data_uri(data, "svg+xml") if len(data) <= LARGEST else None
