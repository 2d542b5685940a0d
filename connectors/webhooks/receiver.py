"""A receiver of signed messages by HTTP."""

from connectors.clock import Clock
from connectors.http_post import JsonPost, trusting
from connectors.secret_file import secrets_of
from connectors.webhooks.channel import Answer, Outcome
from connectors.webhooks.settings import ReceiverSettings
from connectors.webhooks.signing import check_secrets, signed_headers
from models.errors import FatalError


class HttpReceiver:
    """Delivers messages to one receiver (``connectors.webhooks.channel.Channel``).

    Raises
    ------
    FatalError
        ``secret``: the file of its secrets can't be read, or holds none; ``tls``: likewise that of the authorities.
    """

    def __init__(self, settings: ReceiverSettings, clock: Clock, *, timeout_s: float) -> None:
        self._settings = settings
        self._clock = clock
        self._timeout_s = timeout_s
        self._post: JsonPost | None = None
        self._aborted = False
        self._secrets()
        self._tls = trusting(settings.ca_file, f"ca_file of the receiver {settings.name}")

    def send(self, event_id: str, body: bytes) -> Answer:
        """Sign and post a message."""
        try:
            secrets = self._secrets()
        except FatalError as error:  # the file was changed meanwhile
            return Answer(outcome=Outcome.LATER, error=str(error))
        headers = signed_headers(secrets, event_id, body, self._clock.now_ns())
        self._post = JsonPost(self._settings.url.get_secret_value(), self._timeout_s, self._tls)
        if self._aborted:
            return Answer(outcome=Outcome.LATER, error="stopped")
        return self._post.send(headers, body)

    def abort(self) -> None:
        """Break off a post."""
        self._aborted = True
        if self._post is not None:
            self._post.abort()

    def _secrets(self) -> list[str]:
        if self._settings.secrets_file is None:
            return [secret.get_secret_value() for secret in self._settings.secrets]
        whose = f"the receiver {self._settings.name}"
        secrets = secrets_of(self._settings.secrets_file, f"secrets_file of {whose}", reason="secret")
        try:
            check_secrets(secrets, whose)
        except ValueError as error:
            raise FatalError(f"{self._settings.secrets_file}: {error}", reason="secret") from None
        return secrets
