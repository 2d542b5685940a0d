"""Which worker scores images with which model: but for a while after a promotion, all are to have the same."""

from collections.abc import Iterable, Mapping

from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from streams.facility.progress_thread import progress_of

_REMEDY = "scores carry the id of their model; promote one for all of them, or give all workers the same worker.model"


def models_of(told: Iterable[Progress]) -> dict[str, str]:
    """The model of each worker that scores images, by the worker's name, as of its latest word."""
    latest: dict[str, Progress] = {}
    for progress in told:
        if progress.model and progress.at_ns >= latest.setdefault(progress.name, progress).at_ns:
            latest[progress.name] = progress
    return {name: latest[name].model for name in sorted(latest)}


def differing_models(by_worker: Mapping[str, str]) -> str:
    """The sentence about workers that score with different models."""
    said = ", ".join(f"{name} with {model}" for name, model in sorted(by_worker.items()))
    return f"workers score images with different models ({said}): {_REMEDY}"


def other_models(messages: Iterable[Incoming], worker: str, model: str) -> str:
    """The sentence of a worker that begins where others have scored with another model; empty when none has.

    Parameters
    ----------
    messages
        Of the progress topic.
    """
    told = {message.key: progress for message in messages if (progress := progress_of(message)) is not None}
    others = {name: other for name, other in models_of(told.values()).items() if (name != worker and other != model)}
    if not others:
        return ""
    said = ", ".join(f"{name} with {other}" for name, other in others.items())
    return f"this worker scores images with the model {model}, but the last scores of others are by {said}: {_REMEDY}"
