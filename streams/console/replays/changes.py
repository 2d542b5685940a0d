"""Whether something has changed about replays: for pages that follow them."""

from connectors.clock import Clock
from streams.console.replays.kept_runs import KeptRuns

# Each look asks for the times of some files of each replay.
_LOOK_EVERY_S = 0.5


class ReplayChanges:
    """Says whether a replay began, ended or came further since it was asked last; for one thread."""

    def __init__(self, kept: KeptRuns, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        self._looked_s = float("-inf")
        self._seen: object = None

    def __call__(self) -> bool:
        """Asked more often than twice a second it says no."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        before, self._seen = self._seen, self._kept.mark()
        return self._seen != before
