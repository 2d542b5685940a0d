"""What whoever puts a watch or a connector together hands to all that it opens."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from connectors.clock import Clock
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
