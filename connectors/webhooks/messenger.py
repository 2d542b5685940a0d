"""Messengers that people read (Slack, Mattermost, Teams, e-mail ...), through Apprise: the one place that knows it."""

import json
import logging
import threading

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode

from connectors.secret_file import secret_of
from connectors.webhooks.channel import Answer, Outcome
from connectors.webhooks.settings import MessengerSettings
from models.errors import FatalError

_ERROR_LENGTH = 500
_LEVELS = {"low": NotifyType.INFO, "medium": NotifyType.WARNING, "high": NotifyType.FAILURE, "over": NotifyType.SUCCESS}
_ASSET = AppriseAsset(
    app_id="Petawatch",
    app_desc="Petawatch",
    app_url="",
    async_mode=False,
    secure_logging=True,
    storage_mode=PersistentStoreMode.MEMORY,
)
# What it says of failures is in the answers; more detailed words hold secrets.
_logger = logging.getLogger("apprise")
_logger.propagate = False
for _name in ("apprise", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class AppriseMessenger:
    """Delivers texts to one messenger (``connectors.webhooks.channel.Channel``).

    A body is JSON: ``title``, ``text``, and ``level`` (low, medium, high, over). Apprise itself says only whether a
    message was taken, so that every failure is one of the messenger.

    Raises
    ------
    FatalError
        ``secret``: the file of its address can't be read, or Apprise does not know the address.
    """

    def __init__(self, settings: MessengerSettings, *, timeout_s: float) -> None:
        url = settings.url.get_secret_value()
        if settings.url_file is not None:
            url = secret_of(settings.url_file, f"url_file of the messenger {settings.name}", reason="secret")
        self._apprise = Apprise(asset=_ASSET)
        if not self._apprise.add(url):
            raise FatalError(
                f"the url of the messenger {settings.name} is none that Apprise understands; write for example "
                "mmosts://HOST/TOKEN or mailtos://USER:PASSWORD@HOST?to=ADDRESS",
                reason="secret",
            )
        for service in self._apprise:
            service.socket_connect_timeout = service.socket_read_timeout = timeout_s
        self._aborted = threading.Event()

    def send(self, event_id: str, body: bytes) -> Answer:  # noqa: ARG002 - messengers know no ids of messages
        """Hand a text over."""
        if self._aborted.is_set():
            return Answer(outcome=Outcome.LATER, error="stopped")
        text = json.loads(body)
        if not text.keys() >= {"title", "text", "level"}:
            error = "it was written for a webhook of this name, not for a messenger"
            return Answer(outcome=Outcome.REFUSED, error=error)
        result = self._apprise.notify(
            title=text["title"],
            body=text["text"],
            body_format=NotifyFormat.TEXT,  # else a mail loses the lines
            notify_type=_LEVELS[text["level"]],
        )
        with result:
            if result:
                return Answer(outcome=Outcome.TAKEN, status="sent")
            said = next((entry.message for entry in result.logs()), "")
        error = " ".join(said.split())[:_ERROR_LENGTH]
        return Answer(outcome=Outcome.LATER, error=error or "the messenger did not take it")

    def abort(self) -> None:
        """Begin nothing any more; what is on its way ends within the timeout."""
        self._aborted.set()
