"""The classifier that names causes, as it is shipped."""

import json
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from models.causes.cause_classifier import CauseClassifier
from models.errors import FatalError

_FILE = "causes.json"


@cache
def shipped_cause_classifier() -> CauseClassifier:
    """The shipped classifier, read once per process: all agents of a worker share it.

    Raises
    ------
    FatalError
        If the file is missing or damaged.
    """
    return load_cause_classifier()


def load_cause_classifier(folder: Traversable | None = None) -> CauseClassifier:
    """The classifier in a folder, or the shipped one.

    Raises
    ------
    FatalError
        If the file is missing or damaged.
    """
    folder = folder or resources.files("connectors") / "data"
    try:
        text = (folder / _FILE).read_text(encoding="utf-8")
        return CauseClassifier.from_json(json.loads(text))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise FatalError(
            f"the classifier of causes can't be read ({error}); install petawatch again", reason="causes_damaged"
        ) from error


def write_cause_classifier(folder: Path, classifier: CauseClassifier) -> None:
    """Write the classifier into a folder as ``load_cause_classifier`` reads it."""
    text = json.dumps(classifier.to_json(), separators=(",", ":"), sort_keys=True)
    (folder / _FILE).write_text(text + "\n", encoding="utf-8")
