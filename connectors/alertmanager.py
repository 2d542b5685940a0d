"""Alertmanager: alerts are posted to its v2 API, which routes them to people."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from connectors.http_post import JsonPost, check_ca_file, checked_base_address, receiver_name, trusting
from connectors.secret_file import secret_of
from connectors.webhooks.channel import Outcome
from models.errors import RetryableError
from models.event_time import format_iso

_PATH = "/api/v2/alerts"
_MOST_IN_ONE_POST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings:
    """The Alertmanager that routes incidents to people.

    Attributes
    ----------
    url
        ``http://HOST:PORT``, perhaps with a path; empty: it is told nothing.
    resend_s
        It is told of everything that goes on again after so long, so that it knows it after a restart, too.
    timeout_s
        One that is silent for so long is tried again later.
    user, password_file
        For one that asks for a login; the password is the first line of the file.
    token_file
        For one that asks for a bearer token: the first line of the file.
    ca_file
        The authorities (PEM) that its certificate is checked against, read at the start; without it the system's.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    url: str = ""
    resend_s: float = 60.0
    timeout_s: float = 10.0
    user: str = ""
    password_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if self.url:
            checked_base_address(self.url, "url")
        check_ca_file(self.ca_file, self.url, "alertmanager")
        if not 1 <= self.resend_s <= 3600 or not self.timeout_s > 0:
            raise ValueError("resend_s must lie between 1 and 3600, and timeout_s above 0")
        if bool(self.user) is (self.password_file is None) or (self.user and self.token_file is not None):
            raise ValueError("give user and password_file, or token_file, or none of them")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedAlert:
    """What Alertmanager is told of one thing; the labels say which one it is.

    Attributes
    ----------
    starts_ns, ends_ns
        By the clock, ns since 1970. An end in the future says until when it goes on unless it is told again.
    generator_url
        Where more is to be seen; empty: nowhere.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_ns: int
    ends_ns: int
    generator_url: str = ""

    def document(self) -> dict[str, Any]:
        """As the v2 API takes it."""
        url = {"generatorURL": self.generator_url} if self.generator_url else {}
        return {
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": format_iso(self.starts_ns),
            "endsAt": format_iso(max(self.starts_ns, self.ends_ns)),
            **url,
        }


class Alertmanager:
    """Posts alerts; for one thread, but for ``abort``.

    Raises
    ------
    FatalError
        ``secret``: the file of the password or the token can't be read; ``tls``: that of the authorities.
    """

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self._settings = settings
        self._headers = _login(settings)
        self._tls = trusting(settings.ca_file, "alertmanager.ca_file")
        self._post: JsonPost | None = None
        self._aborted = False

    def tell(self, alerts: Sequence[RoutedAlert]) -> None:
        """Post alerts; none of them, too, tells whether it listens.

        Raises
        ------
        RetryableError
            ``alertmanager_away``: it does not answer, or ``alertmanager_refuses``: it answers no 2xx. It may have taken
            a part of them.
        """
        for part in _parts(alerts):
            body = json.dumps([alert.document() for alert in part]).encode()
            self._post = JsonPost(self._settings.url + _PATH, self._settings.timeout_s, self._tls)
            if self._aborted:
                return
            answer = self._post.send(self._headers, body)
            if answer.outcome is not Outcome.TAKEN:
                where = receiver_name(self._settings.url)
                raise RetryableError(
                    f"Alertmanager at {where} does not take incidents ({answer.error}); look at its address and login",
                    reason="alertmanager_refuses" if answer.status else "alertmanager_away",
                )

    def abort(self) -> None:
        """Break off a post, from another thread; there is no other after it."""
        self._aborted = True
        if self._post is not None:
            self._post.abort()


def _login(settings: AlertmanagerSettings) -> dict[str, str]:
    if settings.password_file is not None:
        password = secret_of(settings.password_file, "alertmanager.password_file", reason="secret")
        login = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {login}"}
    if settings.token_file is not None:
        return {"Authorization": f"Bearer {secret_of(settings.token_file, 'alertmanager.token_file', reason='secret')}"}
    return {}


def _parts(alerts: Sequence[RoutedAlert]) -> Iterator[Sequence[RoutedAlert]]:
    for first in range(0, max(1, len(alerts)), _MOST_IN_ONE_POST):
        yield alerts[first : first + _MOST_IN_ONE_POST]
