"""Steps of alarms: each is one transaction, with the messages that it causes."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from connectors.clock import Clock
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.notes import generation_of, take_note
from connectors.control_room.outbox import store_messages
from connectors.control_room.schema import TOLD_UNCHECKED
from connectors.control_room.told_subjects import (
    going_on_without_notes,
    note_told,
    note_what_was_not_noted,
    owed_ends,
    who_knows,
)
from connectors.evidence_store import EvidenceLink
from connectors.state.reader import StateReader
from connectors.webhooks.settings import Wanted
from streams.alarms.alarm_book import AlarmBook
from streams.alarms.newly_wanted import newly_wanted
from streams.alarms.step_rules import StepRules, note_rules, noted_rules, step_rules, take_rules_before
from streams.settings import Settings
from streams.telling.announcing import Announcer
from streams.telling.listeners import Listener

Result = TypeVar("Result")


def open_steps(state: Path, settings: Settings, clock: Clock, *, keeps: bool = True) -> "AlarmSteps":
    """Open a state directory's decisions for steps; what happens is told as the settings say.

    Parameters
    ----------
    keeps
        It is the keeper that makes the steps. Others go by what the last keeper has noted, and by the settings only
        where none has.

    Raises
    ------
    FatalError
        ``state_damaged``, ``state_unusable`` or ``state_too_new``.
    """
    return AlarmSteps(state, step_rules(settings), clock, keeps=keeps)


class AlarmSteps:
    """Makes steps in a state directory's decisions; for several threads, and beside other processes.

    Raises
    ------
    FatalError
        ``state_damaged``, ``state_unusable`` or ``state_too_new``.
    RetryableError
        By every method: ``disk_full``, ``disk_error``, ``state_busy``: nothing has changed.
    """

    def __init__(self, state: Path, rules: StepRules, clock: Clock, *, keeps: bool) -> None:
        self._database = ControlRoomDatabase.open(state)
        self._state = state
        self._rules = rules
        self._clock = clock
        self._keeps = keeps

    def begin(self, *, receipts_from_ns: int = 0) -> None:
        """What the keeper does before its first step: say what others' steps go by, and who was told of what before.

        Parameters
        ----------
        receipts_from_ns
            Older ones are not kept, ns since 1970: who was told before is not known of a file of an earlier program.
        """
        with self._database.step() as connection:
            note_rules(connection, self._rules)
            if take_note(connection, TOLD_UNCHECKED):  # once: who was dropped since counts as told of nothing
                note_what_was_not_noted(connection, self._names)
                self._presume_told(connection, receipts_from_ns)

    @contextmanager
    def step(self, *, by: str = "", why: str = "") -> Iterator[AlarmBook]:
        """One step: first what was due happens, then what is inside; all of it is durable at the end, or nothing."""
        with self._database.step() as connection:
            now_ns = self._clock.now_ns()
            # An opening is announced once: whoever makes the step has to know all who want to hear of it.
            rules = self._rules if self._keeps else noted_rules(connection) or self._rules
            book = AlarmBook(connection, rules.alarms, now_ns, by=by, why=why)
            book.let_time_pass()
            yield book
            messages = self._announcer(rules, rules.told).messages(
                book.finish(),
                now_ns,
                generation=generation_of(connection),
                who_knows=partial(who_knows, connection),
            )
            store_messages(connection, messages)

    def tell_newly_wanted(self) -> bool:
        """Tell what goes on to those who want to hear of it since the settings changed: once; whether anybody was."""
        with self._database.step() as connection:
            before = take_rules_before(connection)
            if not before:
                return False
            messages = newly_wanted(
                connection,
                before,
                self._rules,
                announcer=lambda one: self._announcer(self._rules, (one,)),
                now_ns=self._clock.now_ns(),
            )
            return store_messages(connection, messages) > 0

    def settle(self) -> None:
        """Tell the ends that were left out while a step did not know a receiver.

        It may have been taken out of the settings for a time.
        """
        subjects = {subject_id for receiver, subject_id in self.look(owed_ends) if receiver in self._names}
        if subjects:
            with self.step() as book:
                book.tell_ends(sorted(subjects))

    def next_ns(self) -> int | None:
        """When something happens by itself next; None: never."""
        with self._database.look() as connection:
            return AlarmBook(connection, self._rules.alarms, self._clock.now_ns()).next_ns()

    def look(self, read: Callable[[sqlite3.Connection], Result]) -> Result:
        """What a query finds."""
        with self._database.look() as connection:
            return read(connection)

    def data_version(self) -> int:
        """Another number when others have written since the last call."""
        return self._database.data_version()

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(one.name for one in self._rules.told)

    def _presume_told(self, connection: sqlite3.Connection, receipts_from_ns: int) -> None:
        """Who would be told of what goes on counts as told of it: he hears its end."""
        activations, incidents = going_on_without_notes(connection, receipts_from_ns)
        going_on = [
            *((Wanted.ALERT, each.alert.id, self._rules.priority(each.alert)) for each in activations),
            *((Wanted.INCIDENT, each.id, each.priority) for each in incidents),
        ]
        for class_, subject_id, priority in going_on:
            for one in self._rules.told:
                if one.wants(class_) and one.finds_urgent(priority):
                    note_told(connection, one.name, subject_id, goes_on=True, now_ns=self._clock.now_ns())

    def _announcer(self, rules: StepRules, told: Iterable[Listener]) -> Announcer:
        return Announcer(
            told,
            links=rules.links,
            evidence=self._evidence,
            guidance=lambda kind: rules.alarms.rules(kind).guidance,
            priority=rules.priority,
        )

    def _evidence(self, alert_id: str) -> tuple[EvidenceLink, ...]:
        with StateReader.open(self._state) as reader:
            return reader.evidence(alert_id)
