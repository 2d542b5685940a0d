"""What whoever puts a watch or a connector together hands to all that it opens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from connectors.clock import Clock, SystemClock
from streams.metrics import WatchMetrics
from streams.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all parts of a loop are given.

    Attributes
    ----------
    stack
        They end with it.
    stop
        When it is set, they wait no longer.
    tell
        Called with a sentence about something that an operator should mend.
    """

    stack: ExitStack
    state_path: Path
    settings: Settings
    clock: Clock
    metrics: WatchMetrics
    stop: Event
    tell: Callable[[str], None]


@contextmanager
def open_surroundings(
    state_path: Path, settings: Settings, *, clock: Clock | None, tell: Callable[[str], None] | None
) -> Iterator[Surroundings]:
    """What the parts of a loop are given; at the end all of them end.

    Parameters
    ----------
    clock
        That of the system where there is none.
    tell
        Nobody is told where there is none.
    """
    clock = clock or SystemClock()
    with ExitStack() as stack:
        yield Surroundings(
            stack=stack,
            state_path=state_path,
            settings=settings,
            clock=clock,
            metrics=WatchMetrics(clock, guard_sigmas=settings.meter.smoothing.guard_sigmas),
            stop=Event(),
            tell=tell or _tell_nobody,
        )


def _tell_nobody(_: str) -> None:
    pass
