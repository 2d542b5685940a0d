"""In which files episodes lie: computed from the episodes each time, never a mark on the file."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from connectors.catalog.documents import INT64_MAX, INT64_MIN, file_times
from models.archive.archived_file import ArchivedFile
from models.archive.file_query import FileQuery
from models.event_time import MINUTE_NS

# Stretches of episodes that are no further apart are asked for as one.
_GAP_NS = 10 * MINUTE_NS


class EpisodePlace(NamedTuple):
    """Where an episode lies."""

    stage: str
    device: str
    first_ns: int
    last_ns: int
    file_id: str


class Stretch(NamedTuple):
    """A stretch of event time, both ends in it."""

    first_ns: int
    last_ns: int


class EpisodeFinder:
    """Which files have an episode in them: that of its first shot, and each with records of its device at its time.

    Parameters
    ----------
    places
        Of the episodes; one without a device concerns the whole stage.
    files
        Gives the times of those files, of these ids, that the catalog has.
    """

    def __init__(self, places: Iterable[EpisodePlace], files: Callable[[set[str]], Iterable[Stretch]]) -> None:
        by_subject: defaultdict[str, list[Stretch]] = defaultdict(list)
        self._file_ids: set[str] = set()
        for place in places:
            by_subject[place.device or place.stage].append(Stretch(place.first_ns, place.last_ns))
            self._file_ids.add(place.file_id)
        self._file_ids.discard("")
        self._firsts: dict[str, list[int]] = {}
        self._latest: dict[str, list[int]] = {}
        for subject, stretches in by_subject.items():
            stretches.sort()
            self._firsts[subject] = [stretch.first_ns for stretch in stretches]
            self._latest[subject] = list(accumulate((stretch.last_ns for stretch in stretches), max))
        everything = [stretch for stretches in by_subject.values() for stretch in stretches]
        self._stretches = _merged([*everything, *files(self._file_ids)])

    def touches(self, file: ArchivedFile) -> bool:
        """Whether an episode lies in the file."""
        if file.id in self._file_ids:
            return True
        if file.first_ns is None:
            return False
        first_ns, last_ns = file_times(file)
        return any(self._met(subject, first_ns, last_ns) for subject in (*file.devices, *file.stages))

    def chosen(
        self, query: FileQuery, files: Callable[[FileQuery, int], Iterator[ArchivedFile]]
    ) -> Iterator[ArchivedFile]:
        """The files of a query that have an episode in them, or none, as it asks; in the order of ``files``.

        Parameters
        ----------
        files
            Gives those that fulfil the rest of a query and do not begin before a time, by time and id.
        """
        if not query.anomalous:
            yield from (file for file in files(query, INT64_MIN) if not self.touches(file))
            return
        not_before_ns = INT64_MIN
        for stretch in self._stretches:
            from_ns, to_ns = _met_by_both(query, stretch)
            narrowed = replace(query, from_ns=from_ns, to_ns=to_ns)
            yield from (file for file in files(narrowed, not_before_ns) if self.touches(file))
            not_before_ns = stretch.last_ns + 1  # what began before and reaches the next one was met already

    def _met(self, subject: str, first_ns: int, last_ns: int) -> bool:
        begun = bisect_right(self._firsts.get(subject, ()), last_ns)
        return begun > 0 and self._latest[subject][begun - 1] >= first_ns


def _met_by_both(query: FileQuery, stretch: Stretch) -> tuple[int, int]:
    """What a file must reach, and begin before, to lie in the query's time and in the stretch."""
    from_ns = INT64_MIN if query.from_ns is None else query.from_ns
    to_ns = INT64_MAX if query.to_ns is None else query.to_ns
    return max(from_ns, stretch.first_ns), min(to_ns, stretch.last_ns + 1)


def _merged(stretches: list[Stretch]) -> list[Stretch]:
    merged: list[Stretch] = []
    for stretch in sorted(stretches):
        if merged and stretch.first_ns <= merged[-1].last_ns + _GAP_NS:
            merged[-1] = Stretch(merged[-1].first_ns, max(merged[-1].last_ns, stretch.last_ns))
        else:
            merged.append(stretch)
    return merged
