"""Frames of a camera that are bit for bit the one before: a rule that knows, with episodes of its own."""

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertEvent, AlertKind, AlertSource
from models.alerts.episodes import CERTAIN, EpisodeSettings, EpisodeTracker
from models.alerts.explanation import Explanation
from models.devices import Device
from models.fault_kinds import FaultKind
from models.images.cleaning import repeats
from models.records import RecordBlock
from models.state import State


class StuckFrames:
    """Finds the stuck frames of one camera and tells about them."""

    def __init__(self, device: Device, settings: EpisodeSettings) -> None:
        self._episode = EpisodeTracker(device, AlertKind.STUCK_FRAME, settings, stage=device.stage, device=device.name)
        self._hash_before: dict[bool, int | None] = {False: None, True: None}  # by ``block.replacement``

    def find(self, frame_hash: NDArray[np.uint64], *, replacement: bool) -> NDArray[np.bool_]:
        """Which of the next frames are the one before, by their hashes, uint64, shape (n,), n > 0."""
        found = repeats(frame_hash, self._hash_before[replacement])
        self._hash_before[replacement] = int(frame_hash[-1])
        return found

    def observe(
        self, block: RecordBlock, rows: NDArray[np.intp], stuck: NDArray[np.bool_], reasons: NDArray[np.uint32]
    ) -> list[AlertEvent]:
        """Tell the episode about frames with beam, of which some are stuck, and what follows for the alert.

        Parameters
        ----------
        rows
            Where the n frames stand in the block.
        stuck, reasons
            Shape (n,).
        """
        events, _ = self._episode.observe_block(
            block.event_time_ns[rows],
            np.where(stuck, CERTAIN, 0.0),
            stuck,
            reasons,
            lambda place: AlertSource.of_record(block, int(rows[place])),
            _explain,
        )
        return events

    def finish(self) -> list[AlertEvent]:
        """Close what is still open because the input has ended."""
        return self._episode.finish()

    def state(self) -> State:
        """All that later results depend on."""
        return {"stuck": self._episode.state(), "frame_before": [self._hash_before[False], self._hash_before[True]]}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._episode.restore(state["stuck"])
        self._hash_before = dict(zip((False, True), state["frame_before"], strict=True))


def _explain(_: int) -> Explanation:
    """No beam and no sensor gives the same noise twice."""
    cause = FaultKind.STUCK_FRAME.value
    return Explanation(text="the frame is bit for bit the one before", cause=cause, cause_probability=1.0)
