"""The desk at which operators take their steps, from pages and by the API."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from fastapi import Request

from streams.alarms.alarm_desk import AlarmDesk
from streams.alarms.desks import at_desks_of
from streams.console.parts import parts


@contextmanager
def desk_of(request: Request) -> Iterator[AlarmDesk]:
    """The watch's own, for steps about stages."""
    console = parts(request)
    with closing(AlarmDesk(console.state, console.settings, console.clock)) as desk:
        yield desk


def at_desk_of(request: Request, subject_id: str, take: Callable[[AlarmDesk], object]) -> list[str]:
    """Take a step about an incident, an alarm or an alert where it is kept; see ``at_desks_of``.

    Returns
    -------
    list[str]
        Where it could not be taken although it was taken elsewhere, and why, one sentence each; usually none.

    Raises
    ------
    PetawatchError
        As ``at_desks_of``.
    """
    console = parts(request)
    return at_desks_of(console.control_room, subject_id, console.settings, console.clock, take)[1]
