"""The receivers and messengers of the settings: who is told, and the ways to them."""

from collections.abc import Callable, Collection
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
    _tell_of_others(outbox, channels.keys(), tell)
    return sender


def _tell_of_others(outbox: Outbox, named: Collection[str], tell: Callable[[str], None]) -> None:
    """Say for whom something waits, or who is owed an end, and is not in the settings."""
    waiting, known = outbox.waiting(), outbox.knows_what_goes_on()
    for name in sorted({*waiting, *known}.difference(named)):
        ways = f"petawatch webhooks move {name} NEW", f"petawatch webhooks drop {name}"
        if name in waiting:
            messages = waiting[name].messages
            tell(
                f"{messages} {'message waits' if messages == 1 else 'messages wait'} for {name}, which the settings do "
                f"not name; name it again, hand them to another by {ways[0]}, or end them by {ways[1]}"
            )
        else:
            tell(
                f"{name}, which the settings do not name, was told of {known[name]} alerts or incidents and is to hear "
                f"of their end; name it again, let another hear of it by {ways[0]}, or nobody by {ways[1]}"
            )
