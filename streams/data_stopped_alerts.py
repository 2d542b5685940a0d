"""The alert that snapshots have stopped coming into the watched folders, beside a watch or a connector."""

import json
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import tzinfo
from pathlib import Path, PurePosixPath

from connectors.clock import Clock
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.notes import read_note, write_note
from connectors.folder_probe import FolderAnswer
from connectors.spool_listing import SpoolFile
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.data_stop import DataStop
from models.alerts.facility_alerts import StopReason, data_alert
from models.errors import RecordError, RetryableError
from models.snapshot_names import parse_snapshot_name
from models.snapshot_sequence import snapshot_end_ns
from models.state import State
from streams.settings import Settings
from streams.watched_folders import Unknown

_NOTE = "data_alerts"
# While all is well, where the data end is written down so far apart: it only dates the next alert.
_WRITE_EVERY_S = 60.0
_REASONS = {
    FolderAnswer.THERE: StopReason.NOTHING_COMES,
    FolderAnswer.AWAY: StopReason.FOLDER_AWAY,
    FolderAnswer.HANGS: StopReason.FOLDER_HANGS,
}


class DataStoppedAlerts:
    """Hears of every look into the folders (``streams.reporting_chores.AlertSource``); for one thread.

    What opened an alert is remembered before it is told, so that after a kill it is told under the same id. It never
    waits for others who write: what can't be remembered now is remembered later.

    Parameters
    ----------
    where
        What the alert is about: ``recorders``, or ``recorders/NAME`` of a connector.
    """

    def __init__(self, state: Path, settings: Settings, clock: Clock, *, where: str = "recorders") -> None:
        def event(first_ns: int, last_ns: int, reason: StopReason, status: AlertStatus) -> AlertEvent:
            return data_alert(self._told_as, first_ns=first_ns, last_ns=last_ns, reason=reason, status=status)

        self._clock = clock
        self._zone = settings.zone
        self._stop = DataStop(settings.data_stopped_after_s, event)
        self._reason = StopReason.NOTHING_COMES
        self._database = ControlRoomDatabase.open(state)
        self._database.wait_at_most(0.0)  # whoever calls has shots to look at
        with self._database.look() as connection:
            saved = read_note(connection, _NOTE)
        # What was told under another name, as before a connector was renamed, ends under it.
        self._where = self._told_as = where
        if saved is not None:
            before: State = json.loads(saved)
            self._stop.restore(before)
            self._told_as = before.get("told_as", where) if self._stop.is_open else where
        self._saved = self._state()
        self._is_off = not settings.data_stopped_after_s
        if self._is_off:
            self._stop.end()
        self._looked_s = self._saved_s = clock.monotonic_s()

    @property
    def has_work(self) -> bool:
        """Whether data are to be missed, or, where that was turned off, what is open has still to end."""
        return not self._is_off or self._stop.is_open

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def looked(self, files: Sequence[SpoolFile] | Unknown, answer: FolderAnswer) -> None:
        """The folders were looked at.

        Parameters
        ----------
        files
            What has come since the last look, without what lay there before this program was started.
        answer
            How the folders stand.
        """
        if self._is_off:
            return
        now_s = self._clock.monotonic_s()
        step_s, self._looked_s = now_s - self._looked_s, now_s
        self._reason = _REASONS[answer]
        if files is Unknown.NOT_YET:
            self._stop.not_known(step_s)
        elif isinstance(files, Unknown):
            return
        elif files:
            self._stop.came(step_s, max(_end_ns(file, self._zone) for file in files))
        else:
            self._stop.none_came(step_s)

    def events(self) -> list[AlertEvent]:
        """What is to be told; offered until ``told`` is called."""
        events = self._stop.events(self._reason)
        self._remember()
        return events

    def told(self, events: Sequence[AlertEvent]) -> None:
        """These events are durable."""
        self._stop.told(events)
        if not self._stop.is_open:
            self._told_as = self._where
        self._remember()

    def _remember(self) -> None:
        state, now_s = self._state(), self._clock.monotonic_s()
        can_wait = now_s < self._saved_s + _WRITE_EVERY_S and {**state, "until_ns": 0} == {**self._saved, "until_ns": 0}
        if state == self._saved or can_wait:
            return
        with suppress(RetryableError):  # another one writes, or the disk is full: the next look does it
            with self._database.step() as connection:
                write_note(connection, _NOTE, json.dumps(state))
            self._saved, self._saved_s = state, now_s

    def _state(self) -> State:
        return {**self._stop.state(), "told_as": self._told_as}


def open_data_stopped_alerts(
    stack: ExitStack, state: Path, settings: Settings, clock: Clock, *, where: str = "recorders"
) -> DataStoppedAlerts | None:
    """The alert of a state directory, until ``stack`` is closed; None when it is turned off and none is open."""
    alerts = DataStoppedAlerts(state, settings, clock, where=where)
    stack.callback(alerts.close)
    return alerts if alerts.has_work else None


def _end_ns(file: SpoolFile, zone: tzinfo) -> int:
    """When a snapshot ends by its name, ns since 1970; the file's own time where that says nothing."""
    try:
        name = parse_snapshot_name(PurePosixPath(file.relative))
    except RecordError:
        return file.mtime_ns
    end_ns = snapshot_end_ns(name, zone)
    return file.mtime_ns if end_ns is None else end_ns
