"""Verdicts on episodes and accepted baselines. Neither is ever changed or removed; each stands in the audit log."""

import os
import pwd
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import ControlRoomDatabase, reading
from connectors.state.reader import StateReader
from models.alerts.verdicts import EpisodeVerdict, JudgedStretch, Verdict
from models.baseline import AcceptedBaseline
from models.devices import Device, RecordKind, parse_device
from models.event_time import format_iso

_BUSY_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBaseline:
    """An accepted baseline, why, and by whom; its id is when, ns since 1970.

    Attributes
    ----------
    told
        Whether a facility's agents were told; True of a watch, which reads it here.
    """

    baseline: AcceptedBaseline
    reason: str
    by: str
    told: bool = True


class OperatorDecisions:
    """The decisions in a state directory; every call opens the database anew.

    Raises
    ------
    FatalError
        By every method: ``state_damaged`` or ``state_unusable``.
    RetryableError
        By every method: ``disk_full``, ``disk_error``, or ``state_busy`` after ``wait_s``.
    """

    def __init__(self, state: Path, *, wait_s: float = _BUSY_TIMEOUT_S) -> None:
        self._state = state
        self._wait_s = wait_s

    def add_verdict(self, verdict: EpisodeVerdict) -> None:
        """Make a verdict durable; it takes the place of an earlier one on the same episode, which is kept, too."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO verdicts (alert_id, verdict, reason, who, at_ns) VALUES (?, ?, ?, ?, ?)",
                (verdict.alert_id, verdict.verdict, verdict.reason, verdict.by, verdict.at_ns),
            )
            add_entry(
                connection,
                at_ns=verdict.at_ns,
                who=verdict.by,
                action="verdict",
                subject=verdict.alert_id,
                why=verdict.reason,
                details={"verdict": verdict.verdict.value},
            )

    def verdicts(self) -> list[EpisodeVerdict]:
        """All verdicts, in the order in which they were given: of an episode the last one counts."""
        rows = self._read("SELECT alert_id, verdict, reason, who, at_ns FROM verdicts ORDER BY number")
        return [
            EpisodeVerdict(alert_id=alert_id, verdict=Verdict(verdict), reason=reason, by=who, at_ns=at_ns)
            for alert_id, verdict, reason, who, at_ns in rows
        ]

    def latest_verdicts(self) -> dict[str, Verdict]:
        """The verdict that counts of every judged episode, by the alert's id."""
        return {verdict.alert_id: verdict.verdict for verdict in self.verdicts()}

    def accept_baseline(
        self, device: Device, from_ns: int, *, reason: str, by: str, now_ns: int, of_facility: bool = False
    ) -> RecordedBaseline:
        """Make durable that what a device shows from ``from_ns`` on is its reference.

        Parameters
        ----------
        of_facility
            Its agents do not read this database: it is one of ``untold_baselines`` until ``note_told``.
        """
        with self._writing() as connection:
            # The clock may have been set back, and two commands may come at the same time: ids ascend nevertheless.
            [(latest,)] = connection.execute("SELECT coalesce(max(id), 0) FROM baselines")
            baseline = AcceptedBaseline(id=max(now_ns, latest + 1), device=device, from_ns=from_ns)
            connection.execute(
                "INSERT INTO baselines (id, device, kind, from_ns, reason, who) VALUES (?, ?, ?, ?, ?, ?)",
                (baseline.id, device.name, device.kind, from_ns, reason, by),
            )
            if of_facility:
                connection.execute("INSERT INTO untold_baselines (id) VALUES (?)", (baseline.id,))
            add_entry(
                connection,
                at_ns=now_ns,
                who=by,
                action="accept_baseline",
                subject=device.name,
                why=reason,
                details={"from": format_iso(from_ns)},
            )
        return RecordedBaseline(baseline=baseline, reason=reason, by=by, told=not of_facility)

    def untold_baselines(self) -> list[AcceptedBaseline]:
        """Those of which a facility's agents may not know yet, in the order in which they are to be told."""
        return [each.baseline for each in self.baselines() if not each.told]

    def note_told(self, baselines: Iterable[AcceptedBaseline]) -> None:
        """The agents know of these: they stand in Kafka."""
        with self._writing() as connection:
            rows = [(baseline.id,) for baseline in baselines]
            connection.executemany("DELETE FROM untold_baselines WHERE id = ?", rows)

    def take_over(self, recorded: RecordedBaseline) -> None:
        """Make a baseline of another state directory durable, under its own id; one that is known stays as it is."""
        baseline = recorded.baseline
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO baselines (id, device, kind, from_ns, reason, who) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(baseline.id, baseline.device.name, baseline.device.kind, baseline.from_ns),
                    *(recorded.reason, recorded.by),
                ),
            )

    def baselines(self, after_id: int = 0) -> list[RecordedBaseline]:
        """The accepted baselines with larger ids, in their order."""
        rows = self._read(
            "SELECT id, device, kind, from_ns, reason, who, id NOT IN (SELECT id FROM untold_baselines) FROM baselines"
            " WHERE id > ? ORDER BY id",
            after_id,
        )
        return [
            RecordedBaseline(
                baseline=AcceptedBaseline(
                    id=id_, device=Device(name, parse_device(name).stage, RecordKind(kind)), from_ns=from_ns
                ),
                reason=reason,
                by=who,
                told=bool(told),
            )
            for id_, name, kind, from_ns, reason, who, told in rows
        ]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction, in which nobody else writes."""
        database = ControlRoomDatabase.open(self._state, wait_s=self._wait_s)
        with closing(database), database.step() as connection:
            yield connection

    def _read(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        with reading(self._state, wait_s=self._wait_s) as connection:
            return connection.execute(query, values).fetchall()


def judged_stretches(state: Path) -> list[JudgedStretch]:
    """Which stretches of which device were judged, in the order of device and time.

    An episode about a whole stage or a file is no stretch of a device. Of one that goes on the end is its latest odd
    shot.

    Raises
    ------
    FatalError
        ``state_missing``, ``state_too_new``, or as ``OperatorDecisions``.
    """
    verdicts = OperatorDecisions(state).latest_verdicts()
    with StateReader.open(state) as reader:
        alerts = [alert for alert_id in verdicts if (alert := reader.alert(alert_id)) is not None]
    stretches = [
        JudgedStretch(
            device=alert.device,
            kind=alert.kind,
            first_ns=alert.first_shot_ns,
            last_ns=alert.last_shot_ns,
            verdict=verdicts[alert.id],
        )
        for alert in alerts
        if alert.device
    ]
    return sorted(stretches, key=lambda stretch: (stretch.device, stretch.first_ns, stretch.kind))


def operating_user() -> str:
    """The name of the user who runs this process, by the system and not by the environment; else the number."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
