"""Writes down who changed users and tokens: in the audit log, beside what operators do."""

from contextlib import closing
from pathlib import Path

from connectors.clock import Clock
from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.decisions import operating_user


class AccessAudit:
    """The audit log of a state directory."""

    def __init__(self, state: Path, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def note(self, action: str, subject: str, *, why: str = "", **details: str | int) -> None:
        """Write down a change, last in its own transaction: no change is made that the log does not tell of.

        They are two databases: a process that is killed between both leaves a log that tells of a change that was not
        made, never the other way round. Nothing secret is among the details.

        Raises
        ------
        FatalError, RetryableError
            As ``ControlRoomDatabase``; the change is not made.
        """
        with closing(ControlRoomDatabase.open(self._state)) as database, database.step() as connection:
            add_entry(
                connection,
                at_ns=self._clock.now_ns(),
                who=operating_user(),
                action=action,
                subject=subject,
                why=why,
                details=details,
            )
