"""MLflow: its local store, unless $MLFLOW_TRACKING_URI names another."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from PIL import Image

from ganspec.runs.run import Run

BATCH, BATCH_OF_PARAMS = 1000, 100  # most entries in a call: limits of MLflow
LONGEST = 500  # characters of a parameter's value; some stores refuse longer ones


def start(run: Run, settings: dict[str, object], id: str | None, step: int) -> MlflowRun:
    """Begin a run of MLflow if `id` is None, else go on with the run `id`. Return its tracker."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    # so that a server that does not answer delays a training by seconds, not by minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    client = MlflowClient()
    if id is not None:
        client.update_run(id, status="RUNNING")
        return MlflowRun(client, id)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ganspec")
    experiment = client.get_experiment_by_name(name)
    place = experiment.experiment_id if experiment else client.create_experiment(name)
    id = client.create_run(place, run_name=run.folder.name).info.run_id
    params = [Param(key, str(value)[:LONGEST]) for key, value in settings.items()]
    for first in range(0, len(params), BATCH_OF_PARAMS):
        client.log_batch(id, params=params[first : first + BATCH_OF_PARAMS])
    client.log_text(id, run.spec_path.read_text("utf-8"), "spec.yaml")
    return MlflowRun(client, id)


class MlflowRun:
    """A tracker that logs to MLflow."""

    def __init__(self, client: MlflowClient, id: str):
        self.client, self.id = client, id

    def log(self, rows: list[tuple[int, dict[str, float]]]) -> None:
        now = int(1000 * time.time())
        metrics = [Metric(k, value, now, step) for step, row in rows for k, value in row.items()]
        for first in range(0, len(metrics), BATCH):
            self.client.log_batch(self.id, metrics=metrics[first : first + BATCH])

    def picture(self, step: int, path: Path) -> None:
        with Image.open(path) as image:
            self.client.log_image(self.id, image.convert("RGB"), key="samples", step=step)

    def flush(self) -> None:
        pass  # MLflow writes at each call

    def close(self) -> None:
        self.client.set_terminated(self.id)
