"""`petawatch thresholds`: what opens an episode of each device at the moment, and what that promises."""

from pathlib import Path

from connectors.state.reader import StateReader
from models.errors import FatalError
from models.scoring.threshold_budget import Thresholds
from models.state import State, decode_state
from streams.device_stages import DEVICE_KEYS, device_of_key


def read_thresholds(state_dir: Path) -> dict[str, Thresholds]:
    """The thresholds in force, by device, as of the latest commit.

    Raises
    ------
    FatalError
        ``no_thresholds`` when no device of the directory has any: nothing was watched yet, or its state is elsewhere.
    """
    with StateReader.open(state_dir) as reader:
        states = reader.load_states()
    thresholds = {}
    for key, encoded in states.items():
        saved = _saved_threshold(decode_state(encoded)) if key.startswith(DEVICE_KEYS) else None
        if saved is not None:
            thresholds[device_of_key(key).name] = Thresholds.from_json(saved["thresholds"])
    if not thresholds:
        raise FatalError(
            f"{state_dir} has no thresholds: nothing was watched yet, or workers on Kafka keep them in their "
            "checkpoints; name the state directory of a watch",
            reason="no_thresholds",
        )
    return dict(sorted(thresholds.items()))


def _saved_threshold(state: State) -> State | None:
    """That of a camera lies with the scores that it belongs to; earlier programs kept it beside them."""
    scores = state.get("scores")
    if isinstance(scores, dict) and "threshold" in scores:
        state = scores
    threshold: State | None = state.get("threshold")
    return threshold
