"""What steps of alarms go by: the keeper's settings, noted for the processes that make steps without them."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from connectors.control_room.notes import read_note, take_note, write_note
from models.alarms.priority import Priority
from models.alerts.alert import Alert
from models.errors import FatalError
from streams.alarms.settings import AlarmSettings
from streams.settings import Settings
from streams.telling.listeners import Listener, listeners
from streams.telling.receivers import all_told

_NOTE = "step_rules"
# A list of those of the starts before, until whoever wants to hear of more by now was told what goes on. More than one
# start was killed before it told anybody; of many such ones the first are kept, which watched for longer.
_NOTE_BEFORE = "rules_of_starts_before"
_MOST_BEFORE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRules:
    """When alarms are raised and covered, and who is told of that.

    Attributes
    ----------
    links
        ``links.address``.
    told
        The receivers and messengers.
    """

    alarms: AlarmSettings
    links: str
    told: tuple[Listener, ...]

    def priority(self, alert: Alert) -> Priority:
        """How soon somebody has to look at an alert."""
        return self.alarms.rules(alert.kind).priority_of(alert.severity)


_RULES = TypeAdapter(StepRules)


def step_rules(settings: Settings) -> StepRules:
    """Those of the settings."""
    return StepRules(alarms=settings.alarms, links=settings.links.address, told=listeners(all_told(settings)))


def note_rules(connection: sqlite3.Connection, rules: StepRules) -> None:
    """Let all steps of other processes go by these, inside a step."""
    # Not dump_json: it writes no infinite numbers.
    text, noted = json.dumps(_RULES.dump_python(rules, mode="json")), read_note(connection, _NOTE)
    before = _texts_before(connection)
    if noted not in {None, text, *before} and len(before) < _MOST_BEFORE:
        write_note(connection, _NOTE_BEFORE, json.dumps([*before, noted]))
    write_note(connection, _NOTE, text)


def take_rules_before(connection: sqlite3.Connection) -> list[StepRules]:
    """Those that steps went by since everybody was told what goes on, inside a step: once; none when nothing changed.

    Without those that another program has noted and this one does not know: nobody can say whom they did not tell.
    """
    texts = _texts_before(connection)
    take_note(connection, _NOTE_BEFORE)
    return list(_known(texts))


def noted_rules(connection: sqlite3.Connection) -> StepRules | None:
    """Those that the keeper has noted; None when there was none yet.

    Raises
    ------
    FatalError
        ``state_too_new``: a keeper of another program has noted them, with settings that this one does not know.
    """
    text = read_note(connection, _NOTE)
    if text is None:
        return None
    try:
        return _RULES.validate_json(text)
    except ValidationError as error:
        raise FatalError(
            "the watch of this state directory goes by alarm settings that this Petawatch does not know; use the one "
            "that the watch is of, or start the watch anew with this one",
            reason="state_too_new",
        ) from error


def _texts_before(connection: sqlite3.Connection) -> list[str]:
    return list(json.loads(read_note(connection, _NOTE_BEFORE) or "[]"))


def _known(texts: Iterable[str]) -> Iterator[StepRules]:
    """The rules of notes, without those that this program does not know."""
    for text in texts:
        with suppress(ValidationError):
            yield _RULES.validate_json(text)
