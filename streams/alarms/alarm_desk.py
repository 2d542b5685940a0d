"""What operators do about alarms: seen, not now, not at all; each step stands in the audit log."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from connectors.control_room.alarm_rows import (
    MeantAlerts,
    find_activation,
    find_alarm,
    has_unseen,
    latest_acknowledgement,
)
from connectors.control_room.audit_log import add_entry
from connectors.control_room.incident_rows import find_incident
from connectors.control_room.rooms import ControlRooms
from connectors.control_room.suppression_rows import find_suppressions
from connectors.state.reader import StateReader
from models.alarms.alarm import Alarm
from models.alarms.life_cycle import AlarmLife, RefusedStepError
from models.alarms.suppression import Cause, Suppression
from models.devices import Stage
from models.errors import RecordError
from models.event_time import HOUR_NS, format_iso, iso_or_none
from streams.alarms.alarm_book import AlarmBook
from streams.alarms.alarm_steps import open_steps
from streams.settings import Settings

#: Letters of a reason.
LONGEST_WHY = 1000


@contextmanager
def open_desk(state: Path, settings: Settings, clock: Clock) -> Iterator["AlarmDesk"]:
    """The desk of a state directory that is there, for a command.

    Raises
    ------
    FatalError
        ``state_missing``, or as ``AlarmDesk``.
    """
    with StateReader.open(state):
        pass
    with closing(AlarmDesk(state, settings, clock)) as desk:
        yield desk


def id_beginning_with(rooms: ControlRooms, beginning: str) -> str:
    """The id of the one alarm, incident or alert whose id begins so.

    Raises
    ------
    RecordError
        ``unknown_subject`` or ``ambiguous_subject``.
    FatalError, RetryableError
        As ``ControlRooms``.
    """
    found = rooms.beginning_with(beginning) if beginning else []
    if beginning in found:
        return beginning
    if not found:
        raise _unknown(beginning, "incident, alarm or alert")
    if len(found) > 1:
        raise RecordError(
            f"{beginning!r} begins the ids {', '.join(found[:4])}{' and others' if len(found) > 4 else ''}; write more "
            "of it",
            reason="ambiguous_subject",
        )
    return found[0]


class AlarmDesk:
    """The steps of operators; from any thread and any process, also while a watch runs.

    Every method that changes something takes who does it (``by``) and why, writes both into the audit log in the same
    transaction, and refuses with one sentence what makes no sense.

    Raises
    ------
    RecordError
        By every step: ``unknown_subject``, ``refused`` (the alarm is in another state), ``reason_missing``,
        ``reason_too_long``.
    FatalError, RetryableError
        As ``AlarmSteps``; nothing has changed.
    """

    def __init__(self, state: Path, settings: Settings, clock: Clock) -> None:
        self._settings = settings.alarms
        self._steps = open_steps(state, settings, clock, keeps=False)

    def close(self) -> None:
        """Let the database go."""
        self._steps.close()

    def acknowledge(self, subject_id: str, *, by: str, why: str = "", seen_ns: int | None = None) -> list[Alarm]:
        """Say that somebody has seen what was announced of an incident, of an alarm, or of one alert; of nothing else.

        Parameters
        ----------
        seen_ns
            When the latest of what he saw was announced: what was announced later stays unacknowledged. None: all.

        Returns
        -------
        list
            The alarms that it concerns, as they stand then.

        Raises
        ------
        RecordError
            ``already_acknowledged``: the sentence says by whom; ``nothing_to_acknowledge``.
        """
        with self._audited("acknowledge", subject_id, by, why) as (book, details):
            what, meant = _meant(book.connection, subject_id)
            alarms, incidents = book.acknowledge(replace(meant, seen_ns=seen_ns))
            if not alarms:
                raise _nothing(book.connection, what, meant)
            details |= {"alarms": [alarm.id for alarm in alarms], "incidents": incidents}
            if seen_ns is not None:
                details["seen_until_ns"] = seen_ns
        return alarms

    def shelve(self, alarm_id: str, *, until_ns: int, by: str, why: str) -> Alarm:
        """Put an alarm off until a time; of one that is shelved change the end.

        Raises
        ------
        RecordError
            ``shelved_too_long``: longer than ``alarms.longest_shelving_h``.
        """
        _required(why, "shelved")

        def shelved(life: AlarmLife, now_ns: int, timing: Any) -> AlarmLife:
            hours = self._settings.longest_shelving_h
            if until_ns > now_ns + hours * HOUR_NS:
                raise RecordError(
                    f"an alarm is shelved for at most {hours:g} hours (alarms.longest_shelving_h), so not until "
                    f"{format_iso(until_ns)}; take it out of service if nobody wants it",
                    reason="shelved_too_long",
                )
            return life.shelved(now_ns, timing, until_ns)

        covered = {"covered_by": by, "covered_why": why}
        return self._step("shelve", alarm_id, shelved, by, why, covered, until=format_iso(until_ns))

    def unshelve(self, alarm_id: str, *, by: str, why: str = "") -> Alarm:
        """End the shelving of an alarm before its time."""
        return self._step("unshelve", alarm_id, AlarmLife.unshelved, by, why)

    def take_out(self, alarm_id: str, *, by: str, why: str) -> Alarm:
        """Take an alarm out of service, until somebody puts it back."""
        _required(why, "taken out of service")
        covered = {"covered_by": by, "covered_why": why}
        return self._step("take_out", alarm_id, AlarmLife.taken_out, by, why, covered)

    def put_back(self, alarm_id: str, *, by: str, why: str = "") -> Alarm:
        """Put an alarm back into service."""
        return self._step("put_back", alarm_id, AlarmLife.put_back, by, why)

    def reset(self, alarm_id: str, *, by: str, why: str = "") -> Alarm:
        """Let go of a latched alarm that was acknowledged, and whose condition is gone."""
        return self._step("reset", alarm_id, AlarmLife.reset, by, why)

    def start_maintenance(self, stage: Stage, *, until_ns: int | None, by: str, why: str) -> Suppression:
        """Cover all alarms of a stage; of one under maintenance change the end. ``until_ns`` None: until it is ended.

        Raises
        ------
        RecordError
            ``maintenance_over``: the end is not in the future.
        """
        _required(why, "put under maintenance")
        with self._audited("start_maintenance", str(stage), by, why) as (book, details):
            if until_ns is not None and until_ns <= book.now_ns:
                raise RecordError(
                    f"maintenance until {format_iso(until_ns)} would be over; name a time in the future",
                    reason="maintenance_over",
                )
            details["until"] = iso_or_none(until_ns)
            earlier = _maintenance(book.connection, stage)
            begun = book.begin(stage, Cause.MAINTENANCE, until_ns=until_ns)
            if earlier is not None:
                book.replace(earlier)
        return begun

    def end_maintenance(self, stage: Stage, *, by: str, why: str = "") -> Suppression:
        """Cover the alarms of a stage no longer.

        Raises
        ------
        RecordError
            ``no_maintenance``.
        """
        with self._audited("end_maintenance", str(stage), by, why) as (book, _):
            found = _maintenance(book.connection, stage)
            if found is None:
                raise RecordError(f"the stage {stage} is not under maintenance", reason="no_maintenance")
            book.end(found)
        return found

    def _step(
        self,
        action: str,
        alarm_id: str,
        life_step: Callable[[AlarmLife, int, Any], AlarmLife],
        by: str,
        why: str,
        covered: dict[str, str] | None = None,
        **details: Any,
    ) -> Alarm:
        with self._audited(action, alarm_id, by, why) as (book, written):
            alarm = find_alarm(book.connection, alarm_id)
            if alarm is None:
                raise _unknown(alarm_id, "alarm")
            written |= {"kind": alarm.kind.value, "about": alarm.subject, **details}
            try:
                return book.step(alarm, life_step, **(covered or {}))
            except RefusedStepError as error:
                raise _refused(alarm, error) from error

    @contextmanager
    def _audited(self, action: str, subject: str, by: str, why: str) -> Iterator[tuple[AlarmBook, dict[str, Any]]]:
        why = checked_why(why)
        with self._steps.step(by=by, why=why) as book:
            details: dict[str, Any] = {}
            yield book, details
            add_entry(
                book.connection, at_ns=book.now_ns, who=by, action=action, subject=subject, why=why, details=details
            )


def checked_why(why: str) -> str:
    """A reason on one line.

    Raises
    ------
    RecordError
        ``reason_too_long``.
    """
    why = " ".join(why.split())
    if len(why) > LONGEST_WHY:
        raise RecordError(f"a reason has at most {LONGEST_WHY} letters", reason="reason_too_long")
    return why


def _required(why: str, done: str) -> None:
    if not why.strip():
        raise RecordError(f"say why it is {done}, for those who come after", reason="reason_missing")


def _meant(connection: sqlite3.Connection, subject_id: str) -> tuple[str, MeantAlerts]:
    """What an id stands for, in words, and the alerts of it."""
    if find_incident(connection, subject_id) is not None:
        return f"the incident ({subject_id})", MeantAlerts(incident_id=subject_id)
    if find_activation(connection, subject_id) is not None:
        return f"the alert ({subject_id})", MeantAlerts(alert_id=subject_id)
    alarm = find_alarm(connection, subject_id)
    if alarm is None:
        raise _unknown(subject_id, "incident, alarm or alert")
    return f"the alarm {alarm.kind} of {alarm.subject} ({subject_id})", MeantAlerts(alarm_id=subject_id)


def _nothing(connection: sqlite3.Connection, what: str, meant: MeantAlerts) -> RecordError:
    """Nothing of it is left to be acknowledged, but what was announced after it was looked at."""
    again = "more was announced since; look at it again" if has_unseen(connection, meant) else ""
    latest = latest_acknowledgement(connection, meant)
    if latest is None:
        because = f" yet: {again}" if again else ""
        return RecordError(f"{what} has nothing to acknowledge{because}", reason="nothing_to_acknowledge")
    at_ns, by = latest
    sentence = f"{by} acknowledged {what} at {format_iso(at_ns)} already{again and f'; {again}'}"
    return RecordError(sentence, reason="already_acknowledged")


def _maintenance(connection: sqlite3.Connection, stage: Stage) -> Suppression | None:
    return next(iter(find_suppressions(connection, cause=Cause.MAINTENANCE, stage=str(stage))), None)


def _unknown(id_: str, what: str) -> RecordError:
    return RecordError(f"there is no {what} {id_!r}; `petawatch alarms list` shows them", reason="unknown_subject")


def _refused(alarm: Alarm, error: RefusedStepError) -> RecordError:
    return RecordError(f"the alarm {alarm.kind} of {alarm.subject} ({alarm.id}) {error}", reason="refused")
