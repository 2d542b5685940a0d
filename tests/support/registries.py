"""A registry in a file that is made once and copied: making its tables takes seconds."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from connectors.registry.mlflow_registry import MLFLOW_ENVIRONMENT, ModelRegistry, TrackingSettings
from streams.settings import set_environment_defaults


@cache
def _made_once() -> Path:
    set_environment_defaults(MLFLOW_ENVIRONMENT)
    folder = Path(tempfile.mkdtemp(prefix="petawatch-registry-"))
    ModelRegistry(folder, TrackingSettings()).versions()
    return folder / "mlflow.db"


def state_with_registry(folder: Path) -> Path:
    """Make a state directory whose registry is there and empty."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_made_once(), folder / "mlflow.db")
    return folder
