"""An alert while something waits for longer than a limit: when it opens, when it closes, who knows of it."""

from collections.abc import Callable, Iterable

from models.alerts.alert import AlertEvent, AlertStatus
from models.state import State

# It closes when the oldest has come down to this part of the limit, so that it does not flicker around it.
_CLOSE_AT = 0.5


class OverdueAlert:
    """One alert at a time. What is to be told is offered until it was told, also after a restart.

    Parameters
    ----------
    limit_s
        The oldest may wait for so long.
    event
        Makes an event of what is known of the alert since its opening.
    """

    def __init__(self, limit_s: float, event: Callable[[State, AlertStatus], AlertEvent]) -> None:
        self._limit_s = limit_s
        self._event = event
        self._known: State = {}

    @property
    def told_by_webhook(self) -> bool:
        """Whether its opening was told to receivers alone, and has still to go the usual way."""
        return bool(self._known.get("by_webhook", False))

    def observe(self, age_s: float, about: State) -> list[AlertEvent]:
        """What is to be told now; the same again until ``told`` was called.

        Parameters
        ----------
        age_s
            How long the oldest waits; 0 when nothing does.
        about
            What ``event`` needs, should the alert open now: JSON values.
        """
        if not self._known and age_s > self._limit_s:
            self._known = {**about, "told": False}
        if not self._known:
            return []
        closes = age_s <= _CLOSE_AT * self._limit_s
        # Without a word on it the state is of a time when only what had been told was known at all.
        told = self._known.get("told", not self.told_by_webhook)
        opening = [AlertStatus.OPEN] if not told and (closes or not self.told_by_webhook) else []
        return [self._event(self._known, status) for status in opening + ([AlertStatus.CLOSED] if closes else [])]

    def told(self, events: Iterable[AlertEvent], *, by_webhook: bool = False) -> None:
        """These events are known to whoever needs to know them; or, until it closes, to receivers alone."""
        closed = any(event.alert.status is AlertStatus.CLOSED for event in events)
        if self._known:
            self._known = {} if closed else {**self._known, "told": not by_webhook, "by_webhook": by_webhook}

    def state(self) -> State:
        """All that later events depend on."""
        return dict(self._known)

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._known = dict(state)
