"""What is shown of alerts' shots: each made once, one after the other, by a process that gives way to the watch."""

import re
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from connectors.evidence_store import EvidenceLink
from connectors.links import ALERT_PATH
from connectors.state.reader import StateReader
from dashboards.html_page import html_page, paragraph
from models.alerts.alert import Alert
from models.errors import FatalError, PetawatchError, RetryableError
from streams.alert_page_process import question
from streams.settings import Settings, settings_text

#: A page takes a few seconds, most of them for the start of its process.
LIMIT_S = 30.0

_PATH = re.compile(re.escape(ALERT_PATH) + "(?P<id>[0-9a-f]{16})")
#: Pages that are kept, together; they are a few hundred kilobytes each.
KEPT_BYTES = 16 << 20
_MOST_WAITING = 4
# A process that is killed ends at once, unless it waits for a disk that hangs: then with that.
_ENDING_S = 5.0
_MOST_HANGING = 3


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
    """

    #: Of the process that makes a page; nothing is imported from the present directory.
    command: Sequence[str] = (sys.executable, "-P", "-m", "streams.alert_page_process")

    def __init__(
        self, state: Path, settings: Settings, *, limit_s: float = LIMIT_S, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._state = state
        self._settings = settings_text(settings)
        self._limit_s = limit_s
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[_Wanted, tuple[_Standing, bytes]] = OrderedDict()
        self._places = threading.BoundedSemaphore(_MOST_WAITING)
        self._making = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._hanging: list[subprocess.Popen[bytes]] = []
        self._closed = False

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

    def document(self, alert_id: str, around_ns: int) -> bytes:
        """``kept_shot_document`` of the shot of an alert at this event time, as JSON.

        Raises
        ------
        FatalError
            ``alert_missing``; the state directory can't be used.
        RetryableError
            ``shot_away``: it can't be made now. The state directory can't be read now.
        """
        standing = _look_up(self._state, alert_id)
        if standing is None:
            raise FatalError(f"no alert has the id {alert_id}", reason="alert_missing")
        return self._known_or_made(_Wanted(alert_id, around_ns), standing)

    def close(self) -> None:
        """End the process that is making a page; no other is begun."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()

    def _known_or_made(self, wanted: "_Wanted", standing: "_Standing") -> bytes:
        """Wait until the others are made; not with too many."""
        known = self._known(wanted, standing)
        if known is not None:
            return known
        if not self._places.acquire(blocking=False):
            raise _away("other pages are being made; load this one again in a while")
        try:
            if not self._making.acquire(timeout=self._limit_s):
                raise _away("other pages are being made; load this one again in a while")
            try:
                known = self._known(wanted, standing)
                return self._made(wanted, standing) if known is None else known
            finally:
                self._making.release()
        finally:
            self._places.release()

    def _known(self, wanted: "_Wanted", standing: "_Standing") -> bytes | None:
        kept = self._kept.get(wanted)
        return kept[1] if kept is not None and kept[0] == standing else None

    def _made(self, wanted: "_Wanted", standing: "_Standing") -> bytes:
        page, failure = self._asked(wanted)
        if failure:
            raise _away(failure)
        self._kept[wanted] = standing, page
        self._kept.move_to_end(wanted)
        while sum(len(kept) for _, kept in self._kept.values()) > self._kept_bytes:
            self._kept.popitem(last=False)
        return page

    def _asked(self, wanted: "_Wanted") -> tuple[bytes, str]:
        """What is wanted, or why there is none."""
        self._hanging = [child for child in self._hanging if child.poll() is None]
        if len(self._hanging) >= _MOST_HANGING:
            return b"", "the processes that make pages wait for a disk that hangs; look after it"
        try:
            with tempfile.TemporaryDirectory(prefix="petawatch-page-", ignore_cleanup_errors=True) as folder:
                asked = question(self._state, wanted.alert_id, self._settings, Path(folder), wanted.around_ns)
                return self._answered(wanted.alert_id, asked)
        except OSError as error:
            return b"", f"no process can be started for it ({error.strerror})"

    def _answered(self, alert_id: str, asked: bytes) -> tuple[bytes, str]:
        pipe = subprocess.PIPE
        child = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603 - this program
        self._child = child
        try:
            if self._closed:
                child.kill()
            page, words = child.communicate(asked, self._limit_s)
        except subprocess.TimeoutExpired:
            return b"", f"it takes longer than {self._limit_s:g} s; petawatch replay --alert {alert_id} has no limit"
        finally:
            self._end(child)
        if child.returncode:
            return b"", (words.decode(errors="replace").splitlines() or ["its process was ended"])[-1]
        return page, ""

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        """It has ended, or is remembered as one that ends when its disk answers; what it would write, nobody wants."""
        child.kill()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
        try:
            child.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._hanging.append(child)


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


def _away(why: str) -> RetryableError:
    return RetryableError(why, reason="shot_away")


def _sentence(status: HTTPStatus, words: str) -> AlertPage:
    return AlertPage(status, html_page(status.phrase, [paragraph(words)]))
