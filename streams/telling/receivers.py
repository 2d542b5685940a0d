"""The receivers and messengers of the settings: who is told, and the ways to them."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from connectors.clock import Clock
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.outbox import Outbox
from connectors.state.outbox import take_over
from connectors.webhooks.channel import Channel
from connectors.webhooks.receiver import HttpReceiver
from connectors.webhooks.sender import WebhookSender
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, all_receivers
from streams.settings import Settings


def receivers_of(settings: Settings) -> tuple[ReceiverSettings, ...]:
    """All receivers, those of ``webhook_urls`` too."""
    return all_receivers(settings.webhook_urls, settings.receivers)


def all_told(settings: Settings) -> tuple[ReceiverSettings | MessengerSettings, ...]:
    """All receivers, then all messengers."""
    return (*receivers_of(settings), *settings.messengers)


def open_channel(one: ReceiverSettings | MessengerSettings, settings: Settings, clock: Clock) -> Channel:
    """The way to a receiver or messenger.

    Raises
    ------
    FatalError
        ``secret``: a file with its secrets can't be read, or holds none; or Apprise does not know the address.
    """
    if isinstance(one, ReceiverSettings):
        return HttpReceiver(one, clock, timeout_s=settings.webhooks.timeout_s)
    from connectors.webhooks.messenger import AppriseMessenger  # noqa: PLC0415 - Apprise takes a second

    return AppriseMessenger(one, timeout_s=settings.webhooks.timeout_s)


def open_sender(
    stack: ExitStack, state: Path, settings: Settings, clock: Clock, tell: Callable[[str], None]
) -> WebhookSender:
    """The sender of what waits in a state directory, not started; stopped and closed with ``stack``.

    What an earlier program left is taken over first.

    Raises
    ------
    FatalError
        As ``open_channel`` and ``ControlRoomDatabase.open``.
    """
    outbox = Outbox(ControlRoomDatabase.open(state))
    stack.callback(outbox.close)
    names = {one.url.get_secret_value(): one.name for one in receivers_of(settings)}
    take_over(state, outbox, names)
    channels = {one.name: open_channel(one, settings, clock) for one in all_told(settings)}
    sender = WebhookSender(outbox, channels, clock, settings.webhooks, tell)
    stack.callback(sender.stop)
    for name, one in outbox.waiting().items():
        if name not in channels:
            tell(
                f"{one.messages} {'message waits' if one.messages == 1 else 'messages wait'} for {name}, which the "
                f"settings do not name; name it again, hand them to another by petawatch webhooks move {name} NEW, or "
                f"end them by petawatch webhooks drop {name}"
            )
    return sender
