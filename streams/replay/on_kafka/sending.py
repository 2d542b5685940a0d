"""The planned files on their way to Kafka: a connector without a folder, of which nobody hears but by its records."""

from collections.abc import Callable
from contextlib import ExitStack
from threading import Event

from connectors.clock import Clock
from connectors.spool_listing import SpoolFile
from connectors.state.directory import StateDirectory
from streams.connector.connector import open_sending
from streams.metrics import WatchMetrics
from streams.replay.run import EventTimePace
from streams.settings import Settings
from streams.spool_loop import SpoolLoop


def send_files(
    files: list[SpoolFile],
    journal: StateDirectory,
    settings: Settings,
    *,
    clock: Clock,
    pace: EventTimePace | None,
    beside: Callable[[], None],
    tell: Callable[[str], None],
) -> None:
    """Send files that were not sent yet, and then the end of the input to every device.

    Parameters
    ----------
    beside
        Called now and then.

    Raises
    ------
    FatalError
        As ``SendingRunner``, or what ``beside`` raises.
    """
    stop, metrics = Event(), WatchMetrics(clock)
    with ExitStack() as stack:
        sending = open_sending(stack, journal, settings, clock=clock, metrics=metrics, stop=stop, tell=tell)

        def look() -> None:
            sending.follower.check()
            beside()

        sending.runner.do_beside(look)
        loop = SpoolLoop(
            [],
            settings=settings,
            clock=clock,
            runner=sending.runner,
            sequence=sending.sequence,
            chores=_NoChores(),
            signs=metrics,
            watching=lambda: None,
            stop=stop,
            tell=tell,
        )
        loop.run_files(files, lambda *_: look(), wait_for=pace)


class _NoChores:
    """An ordinary connector tells of its backlog and its end; of a replay that would be among the results."""

    def tick(self) -> None:
        """Nothing is due."""

    def drain_outbox(self) -> None:
        """There are no receivers."""
