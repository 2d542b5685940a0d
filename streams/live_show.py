"""What the stages have just worked on is shown on the wall: at most twice a second and device, beside the work."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from connectors.clock import Clock
from models.device_stage import DeviceOutput
from models.errors import FatalError, RetryableError
from models.live_reading import LiveReading, reading_of
from models.records import RecordBlock

#: Takes blocks of one device as they went into its stage, and what came out; called by the threads that work.
ShowWork = Callable[[Sequence[RecordBlock], Sequence[DeviceOutput]], None]

#: Between two rounds: each device is shown once in a round at most.
ROUND_S = 0.5
_TRY_AGAIN_S = 30.0
_STOP_WITHIN_S = 5.0


class LivePlace(Protocol):
    """Where readings are shown; may raise ``RetryableError`` and ``FatalError``."""

    def show(self, reading: LiveReading) -> None:
        """Show one in the place of the device's last one."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class LiveShow:
    """Keeps the latest reading of each device, and shows them round by round on a thread of its own.

    Nothing waits for it and no result depends on it: what can't be shown is let go.

    Parameters
    ----------
    open_place
        Opens the place where readings are shown; called again after it has failed.
    tell
        Called with a sentence when nothing can be shown.
    """

    def __init__(self, open_place: Callable[[], LivePlace], clock: Clock, tell: Callable[[str], None]) -> None:
        self._open_place = open_place
        self._clock = clock
        self._tell = tell
        self._place: LivePlace | None = None
        self._not_before_s = clock.monotonic_s()
        self._told = ""
        self._lock = threading.Lock()
        self._latest: dict[str, LiveReading] = {}
        self._offered, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Begin to show."""
        self._thread.start()

    def stop(self) -> None:
        """Show what came last, and end."""
        self._stop.set()
        self._offered.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_WITHIN_S)

    def offer(self, blocks: Sequence[RecordBlock], outputs: Sequence[DeviceOutput]) -> None:
        """A device's stage has worked on these blocks; for any thread."""
        reading = reading_of(blocks, [output.scored for output in outputs])
        if reading is None:
            return
        with self._lock:
            waiting = self._latest.get(reading.device.name)
            if waiting is None or reading.striking or not waiting.striking:
                self._latest[reading.device.name] = reading
        self._offered.set()

    def show_round(self) -> None:
        """Show the latest reading of each device that has a new one."""
        with self._lock:
            latest, self._latest = self._latest, {}
        now_s = self._clock.monotonic_s()
        if now_s < self._not_before_s:
            return
        try:
            if self._place is None:
                self._place = self._open_place()
            for reading in latest.values():
                self._place.show(reading)
            self._told = ""
        except RetryableError as error:
            self._let_go(f"nothing is shown live for now: {error}", now_s + _TRY_AGAIN_S)
        except FatalError as error:
            self._let_go(f"nothing is shown live until this is mended and started again: {error}", float("inf"))

    def _let_go(self, sentence: str, not_before_s: float) -> None:
        place, self._place = self._place, None
        if place is not None:
            place.close()
        self._not_before_s = not_before_s
        if sentence != self._told:
            self._told = sentence
            self._tell(sentence)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.show_round()  # the first at once: whoever looks sees that there is a new board, and what is on it
                self._stop.wait(ROUND_S)
                self._offered.wait()
                self._offered.clear()
            self.show_round()
        finally:
            if self._place is not None:
                self._place.close()


def show_nothing(_: Sequence[RecordBlock], __: Sequence[DeviceOutput]) -> None:
    """Nobody looks."""
