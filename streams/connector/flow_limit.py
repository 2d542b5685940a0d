"""How far ahead of the agents the connector may send: what they can't keep up with stays on disk, in order.

Standing is compared by offsets: the connector remembers how far the topics reached when its own files had been sent,
and so knows which of *its* files a partition has worked on, also while others replay old days on the same topics.
"""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.clock import Clock
from models.event_time import HOUR_NS, SECOND_NS
from streams.facility.settings import ConnectSettings
from streams.topology import AgentName, TopicName, inputs_of

#: An agent's partition.
Place = tuple[AgentName, int]
#: Offsets behind the last message, by topic and partition.
Ends = Mapping[tuple[TopicName, int], int]

# A name that lies in the future by more than recorders' clocks may be apart says nothing.
_CLOCKS_APART_NS = HOUR_NS
_MOST_MARKS = 4096


@dataclass(frozen=True, slots=True)
class _Mark:
    """All files that begin up to ``start_ns`` (as far as they were sent) lie before these ends."""

    start_ns: int
    ends: Ends


@dataclass(slots=True)
class _Work:
    """What is known of a partition's work."""

    next_offsets: Mapping[str, int]
    moved_s: float


class FlowLimit:
    """Tells which files have to wait; for several threads."""

    def __init__(self, settings: ConnectSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._work: dict[Place, _Work] = {}
        self._ends: Ends = {}
        self._marks: deque[_Mark] = deque(maxlen=_MOST_MARKS)
        self._first_ns: int | None = None
        self._newest_ns: int | None = None

    @property
    def newest_ns(self) -> int | None:
        """Start of the latest snapshot that was sent, by the names; None before the first."""
        return self._newest_ns

    def sent(self, start_ns: int) -> None:
        """A file was sent and acknowledged."""
        if self._is_wild(start_ns):
            return
        with self._lock:
            self._first_ns = start_ns if self._first_ns is None else self._first_ns
            self._newest_ns = start_ns if self._newest_ns is None else max(self._newest_ns, start_ns)

    def worked(self, place: Place, next_offsets: Mapping[str, int]) -> None:
        """How far a worker says that a partition has come."""
        with self._lock:
            known = self._work.get(place)
            if known is None or known.next_offsets != next_offsets:
                self._work[place] = _Work(dict(next_offsets), self._clock.monotonic_s())

    def reach(self, ends: Ends, newest_ns: int | None) -> None:
        """How far the topics reach now.

        Parameters
        ----------
        newest_ns
            ``newest_ns`` as it was before the ends were asked for.
        """
        with self._lock:
            self._ends = dict(ends)
            if newest_ns is not None and (not self._marks or self._marks[-1].start_ns != newest_ns):
                self._marks.append(_Mark(newest_ns, self._ends))

    def ahead_s(self, start_ns: int | None = None) -> float:
        """How much later a snapshot (by default the newest that was sent) begins than the slowest work; 0 or more."""
        with self._lock:
            start_ns = self._newest_ns if start_ns is None else start_ns
            slowest_ns = self._slowest_ns()
        if start_ns is None or slowest_ns is None:
            return 0.0
        return max(0.0, (start_ns - slowest_ns) / SECOND_NS)

    def holds(self, start_ns: int) -> bool:
        """Whether a file that begins then has to wait."""
        return not self._is_wild(start_ns) and self.ahead_s(start_ns) > self._settings.max_ahead_s

    def _is_wild(self, start_ns: int) -> bool:
        return start_ns > self._clock.now_ns() + _CLOCKS_APART_NS

    def _slowest_ns(self) -> int | None:
        """Where the slowest work stands that goes on; None when nothing has to be waited for."""
        oldest_s = self._clock.monotonic_s() - self._settings.dead_partition_after_s
        stands = [
            self._stands_at_ns(place, work)
            for place, work in self._work.items()
            if work.moved_s >= oldest_s and self._has_waiting(place, work)
        ]
        return min((start_ns for start_ns in stands if start_ns is not None), default=None)

    def _has_waiting(self, place: Place, work: _Work) -> bool:
        return not self._has_passed(place, work, self._ends)

    def _stands_at_ns(self, place: Place, work: _Work) -> int | None:
        """Up to which of the files sent from here a partition has come; the first one when not even that far."""
        passed = (mark.start_ns for mark in reversed(self._marks) if self._has_passed(place, work, mark.ends))
        return next(passed, self._first_ns)

    @staticmethod
    def _has_passed(place: Place, work: _Work, ends: Ends) -> bool:
        agent, partition = place
        return all(ends.get((topic, partition), 0) <= work.next_offsets.get(topic, 0) for topic in inputs_of(agent))
