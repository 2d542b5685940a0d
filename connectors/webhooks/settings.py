"""Who is told of alerts and incidents: receivers of signed messages, and messengers that people read."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from connectors.http_post import check_ca_file, receiver_name, split_address
from connectors.webhooks.signing import check_secrets
from models.alarms.priority import Priority

_LONGEST_NAME = 64
_MOST = 64


class Wanted(StrEnum):
    """Which messages somebody gets: on each alert, on incidents, or both."""

    ALERT = "alert"
    INCIDENT = "incident"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """A program that gets messages by HTTP, by the Standard Webhooks specification.

    Attributes
    ----------
    name
        By which commands, metrics and the console call it; messages that wait belong to the name.
    url
        ``https://HOST/PATH``; may hold a login, and is shown nowhere.
    secrets, secrets_file
        One or two signing secrets (``whsec_...``, ``petawatch webhooks new-secret`` makes one), or a file with one on
        each of its lines, which is read for each message. With two, a message has both signatures: so that a change of
        the secret loses nothing. Without any, messages are not signed.
    events
        Which messages it gets.
    minimum_priority
        Of what never was so urgent it is not told.
    ca_file
        The authorities (PEM) that its certificate is checked against, read at the start; without it the system's.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    name: str
    url: SecretStr
    secrets: tuple[SecretStr, ...] = ()
    secrets_file: Path | None = None
    events: Wanted = Wanted.ALERT
    minimum_priority: Priority = Priority.LOW
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        try:
            split_address(self.url.get_secret_value())
        except ValueError:
            raise ValueError(
                f"the url of the receiver {self.name} is no http or https address; write for example "
                "https://example.org/petawatch"
            ) from None
        check_ca_file(self.ca_file, self.url.get_secret_value(), f"the receiver {self.name}")
        if self.secrets and self.secrets_file is not None:
            raise ValueError(f"give the receiver {self.name} either secrets or a secrets_file")
        if self.secrets:
            check_secrets([secret.get_secret_value() for secret in self.secrets], f"the receiver {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessengerSettings:
    """A way to people: Slack, Mattermost, Teams, e-mail, and whatever else Apprise knows.

    Attributes
    ----------
    name
        As of a receiver.
    url, url_file
        Apprise's address of it, for example ``mmosts://HOST/TOKEN`` or ``mailtos://USER:PASSWORD@HOST?to=...``; or a
        file whose first line it is. It holds secrets, and is shown nowhere.
    events
        Which messages it gets.
    minimum_priority
        Of what never was so urgent it is not told.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    name: str
    url: SecretStr = field(default_factory=lambda: SecretStr(""))
    url_file: Path | None = None
    events: Wanted = Wanted.INCIDENT
    minimum_priority: Priority = Priority.LOW

    def __post_init__(self) -> None:
        _check_name(self.name)
        if bool(self.url.get_secret_value()) is (self.url_file is not None):
            raise ValueError(f"give the messenger {self.name} either a url or a url_file")


def all_receivers(urls: Sequence[str], receivers: Sequence[ReceiverSettings]) -> tuple[ReceiverSettings, ...]:
    """The receivers, those of the short form too: they are unsigned and are called after their host.

    Where several of the short form have one host, a digest of the address follows the host in their names.
    """
    hosts = [_host(url) for url in urls]
    short = [
        ReceiverSettings(
            name=host if hosts.count(host) == 1 else f"{host}-{hashlib.sha256(url.encode()).hexdigest()[:6]}",
            url=SecretStr(url),
        )
        for host, url in zip(hosts, urls, strict=True)
    ]
    return (*short, *receivers)


def check_names(names: Iterable[str]) -> None:
    """Names are given once, and there are not too many.

    Raises
    ------
    ValueError
        With one sentence.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"two receivers or messengers are called {name}; give each a name of its own")
        seen.add(name)
    if len(seen) > _MOST:
        raise ValueError(f"there are at most {_MOST} receivers and messengers, not {len(seen)}")


def _host(url: str) -> str:
    return urlsplit(receiver_name(url)).netloc


def _check_name(name: str) -> None:
    if not 0 < len(name) <= _LONGEST_NAME or not name.isascii() or not name.isprintable() or " " in name:
        raise ValueError(f"{name!r} can't be the name of a receiver; write at most {_LONGEST_NAME} letters, no spaces")


def checked_addresses(urls: tuple[str, ...]) -> tuple[str, ...]:
    """The same addresses.

    Raises
    ------
    ValueError
        With one sentence when one is no ``http`` or ``https`` address, or is given twice.
    """
    for position, url in enumerate(urls):
        split_address(url)
        if url in urls[:position]:
            raise ValueError(f"a webhook address at {receiver_name(url)} is given twice")
    return urls
