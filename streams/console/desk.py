"""The desk at which operators take their steps, from pages and by the API."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fastapi import Request

from models.errors import PetawatchError, RecordError
from streams.alarms.alarm_desk import AlarmDesk
from streams.console.parts import parts


@contextmanager
def desk_of(request: Request) -> Iterator[AlarmDesk]:
    """The watch's own, for steps about stages."""
    console = parts(request)
    with closing(AlarmDesk(console.state, console.settings, console.clock)) as desk:
        yield desk


def at_desk_of(request: Request, subject_id: str, take: Callable[[AlarmDesk], object]) -> list[str]:
    """Take a step about an incident, an alarm or an alert where it is kept.

    Of an alarm that several keep it is taken in each that takes it: it fails when none does.

    Returns
    -------
    list[str]
        Where it could not be taken although it was taken elsewhere, and why, one sentence each; usually none.

    Raises
    ------
    PetawatchError
        As the step: what has to be mended rather than what refuses it, and what the first one says.
    """
    console = parts(request)
    taken = False
    refused: list[PetawatchError] = []
    failed: list[tuple[Path, PetawatchError]] = []
    for place in console.control_room.places_of(subject_id):
        try:
            with closing(AlarmDesk(place, console.settings, console.clock)) as desk:
                take(desk)
            taken = True
        except RecordError as refusal:
            refused.append(refusal)
        except PetawatchError as failure:
            failed.append((place, failure))
    if not taken:
        raise [*(failure for _, failure in failed), *refused][0]
    return [f"What {place} keeps of it stays as it was: {failure}." for place, failure in failed]
