"""Adapters to trackers of experiments, one file each, imported only if a training uses them.

A file `NAME.py` defines `start(run, settings, id, step)`, which returns a `Tracker` of
`ganspec.training.tracking`. `settings` are the spec's values by key path. `id` is the tracker's
name of the run: if it is None, a new run begins in the tracker; otherwise the run of that name goes
on after training step `step`.
"""

from __future__ import annotations

import os

# packages that read these when they are imported would else send statistics of use, or errors
for name, value in {
    "GRADIO_ANALYTICS_ENABLED": "False",  # of Trackio
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
}.items():
    os.environ.setdefault(name, value)
