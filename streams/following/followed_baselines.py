"""Accepted baselines of a facility, each for the record at which it took effect there."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from connectors.control_room.decisions import OperatorDecisions
from connectors.state.file_changes import ChangedVersion
from connectors.state.reader import StateReader
from models.baseline import AcceptedBaseline
from models.event_time import MINUTE_NS
from models.results import Scoring

# So far before a stretch a device's last scored record is looked for.
_BEFORE_NS = 10 * MINUTE_NS


class FollowedBaselines:
    """Takes them over from the recorder's decisions to those of a watch that goes through the same snapshots later.

    When a baseline reached the agents is not recorded, but its effect is: the device, which was scored, learns anew.
    One that was accepted for a device that was learning has left no such mark, and is not taken over.

    Parameters
    ----------
    recorder, directory
        The state directories of the facility, and of that watch.
    """

    def __init__(self, recorder: Path, directory: Path) -> None:
        self._recorder = recorder
        self._theirs = OperatorDecisions(recorder)
        self._ours = OperatorDecisions(directory)

    def take_over(self, versions: Sequence[ChangedVersion]) -> bool:
        """Take over those that took effect in these snapshots, all of whose records are decided; whether there are any.

        Raises
        ------
        FatalError, RetryableError
            One of the directories can't be read or written now.
        """
        times_ns = [time_ns for each in versions for time_ns in (each.first_ns, each.last_ns) if time_ns is not None]
        ours = self._ours.baselines()
        known = {each.baseline.id for each in ours}
        new = [each for each in self._theirs.baselines() if each.baseline.id not in known]
        if not (new and times_ns):
            return False
        latest_ns = {each.baseline.device: each.baseline.from_ns for each in ours}
        found = False
        with StateReader.open(self._recorder) as reader:
            for each in new:
                device = each.baseline.device
                since_ns = max(each.baseline.from_ns, min(times_ns), latest_ns.get(device, 0) + 1)
                place_ns = _learns_anew(reader, each.baseline, since_ns, max(times_ns))
                if place_ns is not None:
                    self._ours.take_over(replace(each, baseline=replace(each.baseline, from_ns=place_ns)))
                    latest_ns[device], found = place_ns, True
        return found


def _learns_anew(reader: StateReader, baseline: AcceptedBaseline, since_ns: int, until_ns: int) -> int | None:
    """The first record of a device, from the one time on up to the other, that it learns from after it was scored."""
    if since_ns > until_ns:
        return None
    blocks = [each.scored for each in reader.rows_between([baseline.device], since_ns - _BEFORE_NS, until_ns + 1)]
    if not blocks:
        return None
    times_ns = np.concatenate([block.event_time_ns for block in blocks])
    scoring = np.concatenate([block.scoring for block in blocks])[order := np.argsort(times_ns, kind="stable")]
    either = (scoring == Scoring.SCORED) | (scoring == Scoring.LEARNING)
    times_ns, learning = times_ns[order][either], scoring[either] == Scoring.LEARNING
    begins = times_ns[1:][learning[1:] & ~learning[:-1]]
    begins = begins[begins >= since_ns]
    return int(begins[0]) if len(begins) else None
