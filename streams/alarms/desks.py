"""The desks at which an operator's step is taken: where what it is about is kept, which may be several places."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from connectors.clock import Clock
from connectors.control_room.rooms import ControlRooms
from models.errors import PetawatchError, RecordError
from streams.alarms.alarm_desk import AlarmDesk
from streams.settings import Settings

Result = TypeVar("Result")


def at_desks_of(
    rooms: ControlRooms, subject_id: str, settings: Settings, clock: Clock, take: Callable[[AlarmDesk], Result]
) -> tuple[list[Result], list[str]]:
    """Take a step about an incident, an alarm or an alert where it is kept.

    Of an alarm that several keep it is taken in each that takes it: it fails when none does.

    Returns
    -------
    list
        What came of it, one for each place that took it.
    list[str]
        Where it could not be taken although it was taken elsewhere, and why, one sentence each; usually none. Of an
        alarm that several may keep also where nobody can read whether it is kept.

    Raises
    ------
    PetawatchError
        As the step: what has to be mended rather than what refuses it, and what the first one says.
    """
    taken: list[Result] = []
    refused: list[PetawatchError] = []
    places, unread = rooms.places_of(subject_id)
    failed: list[tuple[Path, PetawatchError]] = [*unread]
    for place in places:
        try:
            with closing(AlarmDesk(place, settings, clock)) as desk:
                taken.append(take(desk))
        except RecordError as refusal:
            refused.append(refusal)
        except PetawatchError as failure:
            failed.append((place, failure))
    if not taken:
        raise [*(failure for _, failure in failed), *refused][0]
    return taken, [f"What {place} keeps of it stays as it was: {failure}." for place, failure in failed]
