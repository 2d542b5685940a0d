"""The archiver beside a watch or a connector, on threads of its own: whatever happens to it, they go on."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import Sink, SinkLag
from connectors.clock import Clock
from models.alerts.alert import AlertEvent
from models.errors import FatalError, PetawatchError, RetryableError
from streams.archive.places import archive_folder
from streams.archive.uploading.archive_metrics import ArchiveMetrics
from streams.archive.uploading.archiver import IN_USE, Archiver
from streams.archive.uploading.late_alert import late_alert, longest
from streams.settings import Settings

_AGAIN_S = 10.0
_LOOK_S = 2.0
_BEGIN_LOOK_S = 0.05
#: What still hangs in the network then is broken off, and made anew by the next run.
_END_S = 3.0
_ALERT_NOTE = "archive_late"


class ArchiveService:
    """Archives, and looks at what waits: also while another process archives into the same folder.

    Its threads have no lower priority than the others: one that waits for the processor, and holds Python's lock
    meanwhile, would let all others wait for it. A process of its own (``petawatch archive run``) gives way.

    Parameters
    ----------
    state
        The state directory, which is open for writing elsewhere.
    tell
        Called from these threads.
    """

    def __init__(
        self, state: Path, settings: Settings, clock: Clock, metrics: ArchiveMetrics, tell: Callable[[str], None]
    ) -> None:
        self._state = state
        self._settings = settings
        self._folder = archive_folder(settings.archive, state)
        self._clock = clock
        self._metrics = metrics
        self._tell = tell
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._archiver: Archiver | None = None
        self._stopped_ns: int | None = None
        self._told_reason = ""
        self._late = late_alert(settings.archive.oldest_waiting_s)
        self._saved_alert: str | None = None
        self._offered: Sequence[AlertEvent] = ()
        self._threads = [
            threading.Thread(target=self._archive, name="archiver", daemon=True),
            threading.Thread(target=self._follow, name="archive lag", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End within seconds."""
        self._stop.set()
        with self._lock:
            if self._archiver is not None:
                self._archiver.stop()
        until_s = self._clock.monotonic_s() + _END_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until_s - self._clock.monotonic_s()))

    def events(self) -> list[AlertEvent]:
        """What is to be told of the archive; offered until ``told`` is called."""
        with self._lock:
            return list(self._offered)

    def told(self, events: Sequence[AlertEvent]) -> None:
        """These events are durable."""
        with self._lock:
            self._late.told(events)
            self._offered = ()

    def drain(self, within_s: float) -> bool:
        """Give the archive a moment; whether all is archived. What is not waits for the next run."""
        until_s = self._clock.monotonic_s() + within_s
        while self._archiver is None and not self._told_reason and self._clock.monotonic_s() < until_s:
            self._clock.sleep(_BEGIN_LOOK_S)  # it is just beginning
        archiver = self._archiver
        if archiver is not None and archiver.rest(until_s - self._clock.monotonic_s()):
            return True
        self._tell(
            "files may still wait for the archive, or what was found for its catalog; the next run goes on with them, "
            "or petawatch archive run"
        )
        return False

    def _archive(self) -> None:
        while not self._stop.is_set():
            try:
                archiver = Archiver(self._state, self._settings, self._clock, tell=self._tell)
                try:
                    self._run(archiver)
                finally:
                    archiver.close()
            except (RetryableError, FatalError) as error:
                self._cannot_work(error.reason, str(error))
            except Exception as error:  # noqa: BLE001 - the watch goes on, and an operator is told
                self._cannot_work("internal", f"internal error, please report it: {type(error).__name__}: {error}")
            self._stop.wait(_AGAIN_S)

    def _run(self, archiver: Archiver) -> None:
        with self._lock:
            self._archiver = archiver
            if self._stop.is_set():
                archiver.stop()
        self._stopped_ns = None
        if self._told_reason:
            self._told_reason = ""
            self._tell("the archiver works")
        try:
            archiver.run()
        finally:
            with self._lock:
                self._archiver = None

    def _cannot_work(self, reason: str, sentence: str) -> None:
        if reason != IN_USE:
            self._stopped_ns = self._stopped_ns or self._clock.now_ns()
        if reason != self._told_reason:
            self._told_reason = reason
            self._tell(f"{sentence} (nothing else waits for the archive; it is tried again)")

    def _follow(self) -> None:
        outbox: ArchiveOutbox | None = None
        while not self._stop.is_set():
            lags: dict[Sink, SinkLag] = {}
            try:
                outbox = outbox or ArchiveOutbox.open_for_notes(self._folder)
                if outbox is not None:
                    lags = outbox.lags()
                    self._metrics.show(lags, outbox.counts())
                self._look(outbox, lags)
            except PetawatchError:  # the archiver tells of it; the alert needs no outbox
                self._look(None, lags)
            except Exception as error:  # noqa: BLE001 - the watch goes on, and an operator is told
                self._tell(f"internal error, please report it: {type(error).__name__}: {error}; the lag is unknown")
                self._stop.wait(_AGAIN_S)
            self._stop.wait(_LOOK_S)
        if outbox is not None:
            outbox.close()

    def _look(self, outbox: ArchiveOutbox | None, lags: dict[Sink, SinkLag]) -> None:
        with self._lock:
            if outbox is not None and self._saved_alert is None:
                self._saved_alert = outbox.note(_ALERT_NOTE)
                if self._saved_alert and not self._late.state():
                    self._late.restore(json.loads(self._saved_alert))
            waiting, now_ns = longest(lags, self._stopped_ns), self._clock.now_ns()
            events = self._late.observe(waiting.age_s(now_ns), waiting.about(now_ns))
            state = json.dumps(self._late.state())
        # Remembered before it is told: after a kill it is told once more, under the same id.
        if outbox is not None and state != self._saved_alert:
            outbox.set_note(_ALERT_NOTE, state)
            self._saved_alert = state
        with self._lock:
            if json.dumps(self._late.state()) == state:
                self._offered = events
