"""All dashboards, and the JSON of each as Grafana reads it."""

import json
from collections.abc import Callable

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.archive_and_tape import archive_and_tape
from dashboards.grafana.camera import camera
from dashboards.grafana.control_room import control_room
from dashboards.grafana.models import models
from dashboards.grafana.pipeline import pipeline
from dashboards.grafana.stage import stage

#: By the name of the generated file.
DASHBOARDS: dict[str, Callable[[], model.Dashboard]] = {
    "control_room": control_room,
    "stage": stage,
    "camera": camera,
    "pipeline": pipeline,
    "archive_and_tape": archive_and_tape,
    "models": models,
}


def as_json(dashboard: model.Dashboard) -> str:
    """The same text for the same dashboard."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
