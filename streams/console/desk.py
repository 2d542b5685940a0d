"""The desk at which operators take their steps, from pages and by the API."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from fastapi import Request

from models.errors import RecordError
from streams.alarms.alarm_desk import AlarmDesk
from streams.console.parts import parts

Result = TypeVar("Result")


@contextmanager
def desk_of(request: Request) -> Iterator[AlarmDesk]:
    """The watch's own, for steps about stages."""
    console = parts(request)
    with closing(AlarmDesk(console.state, console.settings, console.clock)) as desk:
        yield desk


def at_desk_of(request: Request, subject_id: str, take: Callable[[AlarmDesk], Result]) -> Result:
    """Take a step about an incident, an alarm or an alert where it is kept.

    Of an alarm that several keep it is taken in each; it is refused when each refuses it, as the first one says.

    Raises
    ------
    PetawatchError
        As the step.
    """
    console = parts(request)
    taken: list[Result] = []
    refusals: list[RecordError] = []
    for place in console.control_room.places_of(subject_id):
        with closing(AlarmDesk(place, console.settings, console.clock)) as desk:
            try:
                taken.append(take(desk))
            except RecordError as refusal:
                refusals.append(refusal)
    if not taken:
        raise refusals[0]
    return taken[0]
