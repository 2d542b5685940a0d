"""Which worker scores images with which models: but for a while after a promotion, all are to have the same one."""

from collections.abc import Collection, Iterable, Mapping

from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from models.event_time import SECOND_NS
from streams.facility.progress_thread import progress_of

_REMEDY = "scores carry the id of their model; promote one for all of them, or give all workers the same worker.model"


# A partition whose word is so much older than its worker's latest has nothing to score: it would say the same for ever.
_SPOKE_WITHIN_NS = 60 * SECOND_NS


def models_of(told: Iterable[Progress]) -> dict[str, tuple[str, ...]]:
    """The models of each worker that scores images, by the worker's name, as of what it says of its partitions.

    Parameters
    ----------
    told
        The latest word of each partition.
    """
    words = [progress for progress in told if progress.model]
    latest_ns: dict[str, int] = {}
    for word in words:
        latest_ns[word.name] = max(word.at_ns, latest_ns.get(word.name, word.at_ns))
    return {
        name: tuple(sorted({w.model for w in words if w.name == name and w.at_ns >= last_ns - _SPOKE_WITHIN_NS}))
        for name, last_ns in sorted(latest_ns.items())
    }


def differing_models(by_worker: Mapping[str, Collection[str]]) -> str:
    """The sentence about partitions that are scored with different models."""
    return f"workers score images with different models ({_said(by_worker)}): {_REMEDY}"


def other_models(messages: Iterable[Incoming], worker: str, model: str) -> str:
    """The sentence of a worker that begins where others have scored with another model; empty when none has.

    Parameters
    ----------
    messages
        Of the progress topic.
    """
    told = {message.key: progress for message in messages if (progress := progress_of(message)) is not None}
    others = {name: used for name, used in models_of(told.values()).items() if (name != worker and {*used} != {model})}
    if not others:
        return ""
    return (
        f"this worker scores images with the model {model}, but the last scores of others are by {_said(others)}: "
        f"{_REMEDY}"
    )


def _said(by_worker: Mapping[str, Collection[str]]) -> str:
    return ", ".join(f"{name} with {' and '.join(models)}" for name, models in sorted(by_worker.items()))
