"""The desk at which operators take their steps, from pages and by the API."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from fastapi import Request

from streams.alarms.alarm_desk import AlarmDesk
from streams.console.parts import parts


@contextmanager
def desk_of(request: Request) -> Iterator[AlarmDesk]:
    """Where operators take their steps, for one of them."""
    console = parts(request)
    with closing(AlarmDesk(console.state, console.settings, console.clock)) as desk:
        yield desk
