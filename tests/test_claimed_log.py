"""Losses that a report prints: what specs claim, at which steps, and how they are drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import ROOT
from matplotlib.image import imread
from test_report_page import make_run
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.plots.curves import Curve, Panel, figure_of
from ganspec.plots.log import Column, Epochs
from ganspec.report.run_plots import overlays, run_plots
from ganspec.runs.record import read_record

# Rows that the two reports print, and the sum of each printed column
PRINTED = {
    "dcgan_cifar32": [(3, {"d_loss": 0.4718, "g_loss": 11.8797})],
    "acgan_cifar32": [(22, {"d_loss": 9.878577, "g_loss": 113.693409, "q_loss": 5.217671})],
    "dcgan_keras": [
        (20, {"real_accuracy": 18.96, "fake_accuracy": 16.26}),
        (22, {"d_real": 13.196, "d_fake": 12.646, "g_loss": 24.693}),
    ],
}
CLAIM = """
extends: {base}
name: claiming
report:
  log:
    - columns: [epoch, d_loss]
      rows: [[2, 0.5], [1, 0.25]]
    - columns: [epoch, iteration, d_loss, g_loss]
      rows: [[2, 3, 0.125, 7]]
"""


@pytest.mark.parametrize("path", sorted(ROOT.glob("specs/*.yaml")), ids=lambda path: path.stem)
def test_specs_claim_every_printed_row(path):
    tables = ganspec.load(path).report.log
    found = [
        (len(table.rows), dict(zip(table.columns, np.sum(table.rows, 0), strict=True)))
        for table in tables
    ]
    printed = PRINTED.get(path.stem, [])
    assert len(found) == len(printed)
    for (count, sums), (wanted, totals) in zip(found, printed, strict=True):
        assert count == wanted
        assert {name: sums[name] for name in totals} == pytest.approx(totals)


def claiming(folder):
    path = folder / "claiming.yaml"
    path.write_text(CLAIM.format(base=ROOT / "specs" / "dcgan_fashion.yaml"))
    return path


def test_epochs_and_iterations_become_steps(tmp_path):
    report = ganspec.load(claiming(tmp_path)).report
    columns = report.log_columns(Epochs(10, warmup=20))
    assert columns["d_loss"].steps.tolist() == [30, 33, 40]  # epoch 1 ends at step 30
    assert columns["d_loss"].values.tolist() == [0.25, 0.125, 0.5]
    assert columns["g_loss"].steps.tolist() == [33]
    assert report.log_columns(None) == {}


def test_claimed_losses_are_drawn_beside_measured_ones(tmp_path):
    run = read_record(make_run(tmp_path / "run", claiming(tmp_path)))
    (plot,) = run_plots(run)
    measured, claimed = plot.figure.axes[:2]
    assert claimed.get_title(loc="left") == "claimed"
    assert measured.get_ylim() == claimed.get_ylim()
    squares = [line for line in claimed.lines if line.get_marker() == "s"]
    drawn = [(*line.get_xdata(), *line.get_ydata()) for line in squares]
    assert drawn == [(10, 13, 20, 0.25, 0.125, 0.5), (13, 7)]  # ten steps an epoch
    near = [line for line in claimed.lines if line.get_marker() != "s"]
    assert all(9 <= step <= 21 for line in near for step in line.get_xdata())
    assert len(near) == 2 and len(near[0].get_xdata()) >= 10
    alone = read_record(make_run(tmp_path / "alone"))
    assert all(axes.get_title(loc="left") != "claimed" for axes in run_plots(alone)[0].figure.axes)
    # beside each other, runs share one claim, or none is drawn
    shared = overlays([run, run])[0].figure.axes
    assert "claimed" in [axes.get_title(loc="left") for axes in shared]
    unlike = overlays([run, alone])[0].figure.axes
    assert "claimed" not in [axes.get_title(loc="left") for axes in unlike]


def test_panels_have_their_own_claimed_steps():
    def curve(*steps):
        return (Curve(Column(np.array(steps, float), np.ones(len(steps))), "a", "blue"),)

    panels = [
        Panel("loss", curve(1, 2, 3), claimed=curve(5040, 5050)),
        Panel("accuracy", curve(1, 2, 3), claimed=curve(1, 20)),
    ]
    loss, loss_claims, accuracy, claims = figure_of(panels, Epochs(100)).axes
    assert loss.get_xlim() == accuracy.get_xlim()
    assert loss_claims.get_xlim()[0] > 5000 > claims.get_xlim()[1]
    assert loss_claims.get_xlabel() == "step, epoch 51"  # one epoch is not worth an axis
    assert (claims.get_xlabel(), accuracy.get_xlabel()) == ("step", "step")


def test_a_training_draws_claims_into_its_plot(tmp_path):
    path, pictures = claiming(tmp_path), {}
    for name, settings in {"claims": [], "none": ["report.log=null"]}.items():
        settings += ["data={dataset: {shapes: {count: 8}}, size: 28, channels: 1}"]
        settings += ["vars.ch=4", "train.batch=4"]
        run = ganspec.train(ganspec.load(path, settings), tmp_path / name, steps=2)
        pictures[name] = imread(run.losses_path)
    assert pictures["claims"].shape != pictures["none"].shape or not np.array_equal(
        pictures["claims"], pictures["none"]
    )


def test_show_prints_claims(tmp_path):
    result = CliRunner().invoke(app, ["show", str(claiming(tmp_path))])
    tables = result.output.split("claimed log\n")[1:]
    assert tables[0].split() == ["epoch", "d_loss", "-" * 13, "2", "0.5", "1", "0.25"]
    assert tables[1].split()[-4:] == ["2", "3", "0.125", "7"]
    as_json = CliRunner().invoke(app, ["show", str(claiming(tmp_path)), "--json"])
    assert json.loads(as_json.output)["name"] == "claiming"
