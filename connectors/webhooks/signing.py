"""Signatures of messages by the Standard Webhooks specification (version 1.0.0, symmetric keys)."""

import base64
import binascii
import secrets as randomness
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from models.event_time import SECOND_NS

_PREFIX = "whsec_"
# The specification asks for 24 bytes at least and 64 at most.
_FEWEST_BYTES, _MOST_BYTES, _NEW_BYTES = 24, 64, 32
_MOST_SECRETS = 2


def new_secret() -> str:
    """A fresh secret."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(_NEW_BYTES)).decode()


def check_secrets(secrets: Sequence[str], whose: str) -> None:
    """Whether these can sign.

    Raises
    ------
    ValueError
        With one sentence, which never holds a secret.
    """
    if not 0 < len(secrets) <= _MOST_SECRETS:
        raise ValueError(f"{whose} has {len(secrets)} secrets; give one, or two while the secret is changed")
    if not all(_is_secret(secret) for secret in secrets):
        raise ValueError(
            f"a secret of {whose} is none: it is {_PREFIX} and {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64; "
            "petawatch webhooks new-secret makes one"
        )


def signed_headers(secrets: Sequence[str], event_id: str, body: bytes, now_ns: int) -> dict[str, str]:
    """The headers of one attempt to deliver a message.

    Parameters
    ----------
    secrets
        Each adds a signature; without any there is no signature.
    event_id
        The same for all attempts.
    now_ns
        When the attempt is made, ns since 1970.
    """
    moment = datetime.fromtimestamp(now_ns // SECOND_NS, tz=UTC)
    headers = {"webhook-id": event_id, "webhook-timestamp": str(now_ns // SECOND_NS)}
    signatures = [Webhook(secret).sign(event_id, moment, body.decode()) for secret in secrets]
    return headers | ({"webhook-signature": " ".join(signatures)} if signatures else {})


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(_PREFIX) and _FEWEST_BYTES <= len(key) <= _MOST_BYTES
