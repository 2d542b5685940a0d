"""How receivers and messengers stand: what the settings say of them, and what has become of their messages."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.control_room.outbox import Waiting
from connectors.control_room.receipts import StandingOfReceivers
from connectors.control_room.receivers import FailingReceiver
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStanding:
    """A receiver or messenger as it stands; times in ns since 1970, None where there is none.

    Attributes
    ----------
    form
        ``webhook``, ``signed webhook``, ``messenger``; ``not configured`` of one for which messages wait that the
        settings do not name (any more).
    events, minimum_priority
        What it gets; empty of one that is not configured.
    failing_ns
        Since when it has taken nothing; None of one that refuses single messages alone.
    suspended_ns
        Since when it is suspended; ``gone``: it wants no messages any more.
    """

    name: str
    form: str
    events: str
    minimum_priority: str
    waiting: int
    oldest_ns: int | None
    latest_ns: int | None
    failing_ns: int | None
    suspended_ns: int | None
    gone: bool
    last_error: str


def standings(
    known: StandingOfReceivers, settings: Iterable[ReceiverSettings | MessengerSettings]
) -> list[ReceiverStanding]:
    """How all stand: those of the settings in their order, then others for which messages wait."""
    told: dict[str, ReceiverSettings | MessengerSettings | None] = {one.name: one for one in settings}
    found = []
    for name, one in (told | dict.fromkeys(sorted(known.waiting.keys() - told.keys()))).items():
        waiting, failing = known.waiting.get(name), known.failing.get(name)
        suspension = None if failing is None else failing.suspension
        found.append(
            ReceiverStanding(
                name=name,
                form=_form(one),
                events="" if one is None else one.events.value,
                minimum_priority="" if one is None else one.minimum_priority.value,
                waiting=0 if waiting is None else waiting.messages,
                oldest_ns=None if waiting is None else waiting.oldest_ns,
                latest_ns=known.latest.get(name),
                failing_ns=None if failing is None else failing.failing_since_ns,
                suspended_ns=None if suspension is None else suspension.since_ns,
                gone=suspension is not None and suspension.gone,
                last_error=_last_error(waiting, failing),
            )
        )
    return found


def _last_error(waiting: Waiting | None, failing: FailingReceiver | None) -> str:
    if failing is not None:
        return failing.last_error
    return "" if waiting is None else waiting.error


def _form(one: ReceiverSettings | MessengerSettings | None) -> str:
    if one is None:
        return "not configured"
    if isinstance(one, MessengerSettings):
        return "messenger"
    return "signed webhook" if one.secrets or one.secrets_file is not None else "webhook"
