"""Chores whose alerts are told by the loop's own thread, as all others."""

from collections.abc import Callable, Sequence
from typing import Protocol

from models.alerts.alert import AlertEvent
from streams.spool_loop import Chores

#: Makes alerts known, and calls back when they are durable.
Report = Callable[[list[AlertEvent], Callable[[], None]], None]


class AlertSource(Protocol):
    """Something that finds alerts beside the work."""

    def events(self) -> list[AlertEvent]:
        """What is to be told; offered until ``told`` is called."""
        ...

    def told(self, events: Sequence[AlertEvent]) -> None:
        """These events are durable."""
        ...


class ReportingChores:
    """The chores of a loop, and what a source finds beside them.

    Parameters
    ----------
    chores
        All others.
    report
        Called from the loop's thread.
    """

    def __init__(self, chores: Chores, source: AlertSource, report: Report) -> None:
        self._chores = chores
        self._source = source
        self._report = report
        self._reporting = False

    def tick(self) -> None:
        """Do what is due."""
        self._chores.tick()
        events = [] if self._reporting else self._source.events()
        if events:
            self._reporting = True
            try:
                self._report(events, lambda: self._told(events))
            except BaseException:
                self._reporting = False  # offered again by a later tick
                raise

    def drain_outbox(self) -> None:
        """Give the receivers a last moment."""
        self._chores.drain_outbox()

    def _told(self, events: list[AlertEvent]) -> None:
        self._reporting = False
        self._source.told(events)
