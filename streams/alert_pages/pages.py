"""What is shown of alerts' shots: each made once, one after the other, by a process that gives way to the watch."""

import re
import tempfile
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from connectors.clock import Clock, SystemClock
from connectors.evidence_store import EvidenceLink
from connectors.links import ALERT_PATH
from connectors.state.reader import StateReader
from dashboards.html_page import html_page, paragraph
from models.alerts.alert import Alert
from models.errors import FatalError, PetawatchError, RetryableError
from models.event_time import DAY_NS
from streams.alert_pages.kept_process import COMMAND, KeptProcess, away
from streams.alert_pages.protocol import question
from streams.settings import Settings, settings_text

#: A page takes a tenth of a second, the first one some seconds: its process begins with it, and is kept for a while.
LIMIT_S = 30.0

_PATH = re.compile(re.escape(ALERT_PATH) + "(?P<id>[0-9a-f]{16})")
#: Pages that are kept, together; they are a few hundred kilobytes each.
KEPT_BYTES = 16 << 20
_MOST_WAITING = 8
# So often it is looked whether who waits for a page is still there.
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class AlertPage:
    """A page, and the status that it is served with."""

    status: HTTPStatus
    html: str


class AlertPages:
    """Of the alerts in a state directory; for any threads.

    Parameters
    ----------
    limit_s
        A page that takes longer is given up.
    kept_bytes
        The pages that were made last are kept, together up to so much.
    command
        Of the process that makes pages.
    """

    def __init__(
        self,
        state: Path,
        settings: Settings,
        *,
        limit_s: float = LIMIT_S,
        kept_bytes: int = KEPT_BYTES,
        command: Sequence[str] = COMMAND,
        clock: Clock | None = None,
    ) -> None:
        self._state = state
        self._limit_s = limit_s
        self._kept_bytes = kept_bytes
        self._clock = clock or SystemClock()
        self._kept: OrderedDict[_Wanted, tuple[_Standing, bytes]] = OrderedDict()
        self._places = threading.BoundedSemaphore(_MOST_WAITING)
        # The process ends with the thread that has started it: this one stays.
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="alert-pages")
        self._process = KeptProcess(command, settings_text(settings), limit_s, self._clock)

    def page(self, path: str) -> AlertPage:
        """The page of a path below ``/alerts/``: as the alert stands now, from what is at hand."""
        match = _PATH.fullmatch(path)
        if match is None:
            return _sentence(HTTPStatus.NOT_FOUND, "This is no link to an alert: it ends with the 16 digits of an id.")
        try:
            standing = _look_up(self._state, match["id"])
        except PetawatchError as error:
            return _sentence(HTTPStatus.SERVICE_UNAVAILABLE, f"The alert can't be looked up now: {error}.")
        if standing is None:
            return _sentence(HTTPStatus.NOT_FOUND, f"No alert has the id {match['id']}; petawatch alerts lists them.")
        try:
            return AlertPage(HTTPStatus.OK, self._known_or_made(_Wanted(match["id"]), standing).decode())
        except RetryableError as error:
            return _sentence(HTTPStatus.SERVICE_UNAVAILABLE, f"The page can't be made now: {error}.")

    def document(self, alert_id: str, around_ns: int, gone: Callable[[], bool] = lambda: False) -> bytes:
        """``kept_shot_document`` of the shot of an alert at this event time, as JSON.

        Parameters
        ----------
        gone
            Whether nobody waits for it any more: then it is not begun, and others have its place.

        Raises
        ------
        FatalError
            ``alert_missing``; the state directory can't be used.
        RetryableError
            ``shot_away``: it can't be made now, or nobody waits for it. The state directory can't be read now.
        """
        standing = _look_up(self._state, alert_id)
        if standing is None:
            raise FatalError(f"no alert has the id {alert_id}", reason="alert_missing")
        return self._known_or_made(_Wanted(alert_id, around_ns), standing, gone)

    def keep_warm(self) -> None:
        """People look at incidents here: the process begins before they want its first answer, and stays for long."""
        self._process.stays_warm = True
        self.warm()

    def warm(self) -> None:
        """Somebody looks at an incident: where the process is to be kept warm it begins now, if it has ended."""
        if not self._process.stays_warm or self._process.running:
            return
        if self._places.acquire(blocking=False):
            try:
                self._submitted(self._rehearse).add_done_callback(lambda _: self._places.release())
            except RetryableError:
                self._places.release()

    def close(self) -> None:
        """End the process; no other is begun."""
        if self._process.closed:
            return
        self._process.close()
        self._maker.submit(self._process.let_go)
        self._maker.shutdown(wait=False)

    def _known_or_made(
        self, wanted: "_Wanted", standing: "_Standing", gone: Callable[[], bool] = lambda: False
    ) -> bytes:
        """Wait until the others are made; not with too many."""
        known = self._known(wanted, standing)
        if known is not None:
            return known
        if not self._places.acquire(blocking=False):
            raise away("others are looked at just now; try again in a while")
        try:
            return self._waited_for(self._submitted(lambda: self._made(wanted, standing)), gone)
        finally:
            self._places.release()

    def _submitted(self, work: Callable[[], bytes]) -> Future[bytes]:
        try:
            return self._maker.submit(work)
        except RuntimeError as error:  # closed meanwhile
            raise away("the program ends") from error

    def _waited_for(self, made: Future[bytes], gone: Callable[[], bool]) -> bytes:
        until_s = self._clock.monotonic_s() + self._limit_s
        while True:
            try:
                return made.result(_LOOK_EVERY_S)
            except TimeoutError:
                late = self._clock.monotonic_s() > until_s
                if (late or gone()) and made.cancel():
                    raise away("others are looked at just now; try again in a while") from None

    def _known(self, wanted: "_Wanted", standing: "_Standing") -> bytes | None:
        kept = self._kept.get(wanted)
        return kept[1] if kept is not None and kept[0] == standing else None

    def _made(self, wanted: "_Wanted", standing: "_Standing") -> bytes:
        known = self._known(wanted, standing)
        if known is not None:
            return known
        try:
            with tempfile.TemporaryDirectory(prefix="petawatch-page-", ignore_cleanup_errors=True) as folder:
                asked = question(self._state, wanted.alert_id, Path(folder), wanted.around_ns)
                page, lasting = self._process.ask(asked)
        except OSError as error:
            raise away(f"no process can be started for it ({error.strerror})") from error
        if lasting:
            self._keep(wanted, standing, page)
        return page

    def _keep(self, wanted: "_Wanted", standing: "_Standing", page: bytes) -> None:
        self._kept[wanted] = standing, page
        self._kept.move_to_end(wanted)
        while sum(len(kept) for _, kept in self._kept.values()) > self._kept_bytes:
            self._kept.popitem(last=False)

    def _rehearse(self) -> bytes:
        """The first answer of a process takes longest; what goes wrong is told to who asks in earnest."""
        with suppress(PetawatchError, OSError):
            self._process.begin()
            latest = _latest_alert(self._state)
            standing = None if latest is None else _look_up(self._state, latest.id)
            if latest is not None and standing is not None:
                return self._made(_Wanted(latest.id, latest.first_shot_ns), standing)
        return b""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The page of an alert, or the document of one of its shots."""

    alert_id: str
    around_ns: int | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a page depends on, besides files that stay as they are."""

    alert: Alert
    evidence: tuple[EvidenceLink, ...]


def _look_up(state: Path, alert_id: str) -> _Standing | None:
    with StateReader.open(state) as reader:
        alert = reader.alert(alert_id)
        return None if alert is None else _Standing(alert, reader.evidence(alert_id))


def _latest_alert(state: Path) -> Alert | None:
    """Of the last day that was recorded."""
    with StateReader.open(state) as reader:
        latest_ns = reader.latest_row_ns()
        since = iter(()) if latest_ns is None else reader.alerts(latest_ns - DAY_NS)
        last = deque(since, maxlen=1)
    return last[0][0] if last else None


def _sentence(status: HTTPStatus, words: str) -> AlertPage:
    return AlertPage(status, html_page(status.phrase, [paragraph(words)]))
