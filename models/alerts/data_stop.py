"""When it is an alert that snapshots have stopped coming: had they come before, how long has none come, who knows."""

import math
from collections import deque
from collections.abc import Callable, Iterable

from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import StopReason
from models.alerts.overdue_alert import OverdueAlert
from models.state import State

# Whoever looks may have been away himself, working on much: such a time says nothing of the data.
_MOST_STEP_S = 10.0
# First shots of the latest alerts: the id is computed from them, and no two stops may have the same.
_KNOWN_STOPS = 64


class DataStop:
    """One alert at a time, told of until somebody knows of it, also after a restart.

    Data count as coming once snapshots came for as long as the limit without a pause as long: neither a folder that is
    copied at once nor snapshots that come further apart than the limit are missed when they end. The next pause that is
    longer than the limit is a stop, with one alert, however long it lasts; for another one data have to be coming anew.
    It ends once snapshots have come for as long as the limit, at whatever distances: by then they are coming, or come
    so seldom that nobody misses them; a single straggler ends nothing.

    Parameters
    ----------
    limit_s
        Seconds by the clock of whoever looks, more than 0.
    event
        Makes an event: the times of the first and the last shot, ns since 1970, why, and whether it is open.
    """

    def __init__(self, limit_s: float, event: Callable[[int, int, StopReason, AlertStatus], AlertEvent]) -> None:
        self._limit_s = limit_s
        self._alert = OverdueAlert(
            limit_s,
            lambda about, status: event(
                about["first_ns"], self._last_ns(about, status), StopReason(about["reason"]), status
            ),
        )
        self._coming = False
        self._stopped = False
        self._until_ns: int | None = None
        # Since the first snapshot without a pause as long as the limit, and since the first after a stop; None: before.
        self._coming_for_s: float | None = None
        self._back_for_s: float | None = None
        self._quiet_s = 0.0
        self._not_known_s = 0.0
        self._first_shots: deque[int] = deque(maxlen=_KNOWN_STOPS)

    def came(self, step_s: float, until_ns: int) -> None:
        """Snapshots have come.

        Parameters
        ----------
        step_s
            Since the last word of this kind or of the other, by the clock.
        until_ns
            When the newest of them ends, ns since 1970, by the recorders' clock.
        """
        pause_s = self._quiet_s + self._not_known_s + min(step_s, _MOST_STEP_S)
        goes_on = self._coming_for_s is not None and pause_s <= self._limit_s
        self._coming_for_s = (self._coming_for_s or 0.0) + pause_s if goes_on else 0.0
        self._coming = self._coming or self._coming_for_s >= self._limit_s
        if self._stopped:
            self._back_for_s = 0.0 if self._back_for_s is None else self._back_for_s + pause_s
            self._stopped = self._back_for_s < self._limit_s
        self._quiet_s, self._not_known_s, self._until_ns = 0.0, 0.0, until_ns

    def none_came(self, step_s: float) -> None:
        """Somebody has looked, and there is no new one; ``step_s`` as for ``came``."""
        self._quiet_s += self._not_known_s + min(step_s, _MOST_STEP_S)
        self._not_known_s = 0.0
        if self._coming and self._quiet_s > self._limit_s:
            self._stopped, self._coming, self._back_for_s = True, False, None

    def not_known(self, step_s: float) -> None:
        """Somebody has looked, and a later word says whether any had come by now; ``step_s`` as for ``came``."""
        self._not_known_s += min(step_s, _MOST_STEP_S)

    @property
    def is_open(self) -> bool:
        """Whether an alert is open, or its end still to be told."""
        return bool(self._alert.state())

    def end(self) -> None:
        """Nobody is to miss data any more: what is open ends, without any that came."""
        self._stopped = self._coming = False

    def events(self, reason: StopReason) -> list[AlertEvent]:
        """What is to be told now; the same again until ``told`` was called. ``reason``: why none comes, as it looks."""
        if self._stopped and not self.is_open:
            self._first_shots.append(self._first_shot_ns())
        first_ns = self._first_shots[-1] if self._first_shots else 0
        about: State = {"first_ns": first_ns, "reason": reason.value}
        return self._alert.observe(math.inf if self._stopped else 0.0, about)

    def told(self, events: Iterable[AlertEvent]) -> None:
        """These events are durable."""
        self._alert.told(events)

    def state(self) -> State:
        """All that later events depend on; for how long none or some have come is counted anew."""
        return {
            "coming": self._coming,
            "until_ns": self._until_ns,
            "first_shots": list(self._first_shots),
            "alert": self._alert.state(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; what was open stays open until snapshots come again."""
        self._coming, self._until_ns = state["coming"], state["until_ns"]
        self._first_shots.extend(state["first_shots"])
        self._alert.restore(state["alert"])
        self._stopped = self.is_open

    def _last_ns(self, about: State, status: AlertStatus) -> int:
        """An alert that closes says up to where data are there again: only there can another begin."""
        first_ns: int = about["first_ns"]
        return first_ns if status is AlertStatus.OPEN else self._until_ns or first_ns

    def _first_shot_ns(self) -> int:
        """Where the data end; later by a nanosecond where another stop was there already: a file may come again."""
        first_ns = self._until_ns or 0
        while first_ns in self._first_shots:
            first_ns += 1
        return first_ns
