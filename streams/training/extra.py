"""What training needs beyond the watch: a learning framework, imported only after a look whether it is there."""

import importlib.util
import os
from importlib.metadata import version

from models.errors import FatalError

_LIBRARIES = ("keras", "numpy", "onnx", "openvino", "tensorflow")


def require_training_extra() -> None:
    """Prepare for the import of the learning framework.

    Raises
    ------
    FatalError
        With one sentence, unless what training needs is installed.
    """
    missing = [name for name in ("tensorflow", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        raise FatalError(
            f"training needs {' and '.join(missing)}; install the extra with: pip install 'petawatch[training]'",
            reason="training_extra",
        )
    # TensorFlow reads it when it is imported; its messages about missing graphics cards help nobody here.
    os.putenv("TF_CPP_MIN_LOG_LEVEL", "3")


def library_versions() -> dict[str, str]:
    """The versions of what trains and exports a model."""
    return {name: version(name) for name in _LIBRARIES}
