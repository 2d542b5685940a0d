"""The pages behind alerts' links: each made once, one after the other, by a process that gives way to the watch."""

import re
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from connectors.alert_documents import ALERT_PATH
from connectors.evidence_store import EvidenceLink
from connectors.state.reader import StateReader
from dashboards.html_page import html_page, paragraph
from models.alerts.alert import Alert
from models.errors import PetawatchError
from streams.alert_page_process import question
from streams.settings import Settings, settings_text

#: A page takes a few seconds, most of them for the start of its process.
LIMIT_S = 30.0

_PATH = re.compile(re.escape(ALERT_PATH) + "(?P<id>[0-9a-f]{16})")
_MOST_KEPT = 8
_MOST_WAITING = 4


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
    """

    #: Of the process that makes a page; nothing is imported from the present directory.
    command: Sequence[str] = (sys.executable, "-P", "-m", "streams.alert_page_process")

    def __init__(self, state: Path, settings: Settings, *, limit_s: float = LIMIT_S) -> None:
        self._state = state
        self._settings = settings_text(settings)
        self._limit_s = limit_s
        self._kept: OrderedDict[str, tuple[_Standing, str]] = OrderedDict()
        self._places = threading.BoundedSemaphore(_MOST_WAITING)
        self._making = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
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
        return self._known(match["id"], standing) or self._in_turn(match["id"], standing)

    def close(self) -> None:
        """End the process that is making a page; no other is begun."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()

    def _known(self, alert_id: str, standing: "_Standing") -> AlertPage | None:
        kept = self._kept.get(alert_id)
        return AlertPage(HTTPStatus.OK, kept[1]) if kept is not None and kept[0] == standing else None

    def _in_turn(self, alert_id: str, standing: "_Standing") -> AlertPage:
        """Wait until the other pages are made; not with too many."""
        busy = _sentence(HTTPStatus.SERVICE_UNAVAILABLE, "Other pages are being made; load this one again in a while.")
        if not self._places.acquire(blocking=False):
            return busy
        try:
            if not self._making.acquire(timeout=self._limit_s):
                return busy
            try:
                return self._known(alert_id, standing) or self._made(alert_id, standing)
            finally:
                self._making.release()
        finally:
            self._places.release()

    def _made(self, alert_id: str, standing: "_Standing") -> AlertPage:
        html, failure = self._asked(alert_id)
        if failure:
            return _sentence(HTTPStatus.SERVICE_UNAVAILABLE, f"The page can't be made now: {failure}.")
        self._kept[alert_id] = standing, html
        self._kept.move_to_end(alert_id)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return AlertPage(HTTPStatus.OK, html)

    def _asked(self, alert_id: str) -> tuple[str, str]:
        """The page, or why there is none."""
        asked = question(self._state, alert_id, self._settings)
        try:
            child = subprocess.Popen(  # noqa: S603 - this program
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            return "", f"no process can be started ({error.strerror})"
        with child:
            self._child = child
            if self._closed:
                child.kill()
            try:
                page, words = child.communicate(asked, self._limit_s)
            except subprocess.TimeoutExpired:
                child.kill()
                return "", f"it takes longer than {self._limit_s:g} s; petawatch replay --alert {alert_id} has no limit"
        if child.returncode:
            return "", (words.decode(errors="replace").splitlines() or ["its process was ended"])[-1]
        return page.decode(), ""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a page depends on, besides files that stay as they are."""

    alert: Alert
    evidence: tuple[EvidenceLink, ...]


def _look_up(state: Path, alert_id: str) -> _Standing | None:
    with StateReader.open(state) as reader:
        alert = reader.alert(alert_id)
        return None if alert is None else _Standing(alert, reader.evidence(alert_id))


def _sentence(status: HTTPStatus, words: str) -> AlertPage:
    return AlertPage(status, html_page(status.phrase, [paragraph(words)]))
