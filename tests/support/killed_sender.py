"""A process that delivers what waits in a state directory, and kills itself right after its first delivery.

``python -m tests.support.killed_sender STATE URL``
"""

import os
import signal
import sys
from pathlib import Path

from pydantic import SecretStr

from connectors.clock import SystemClock
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.outbox import Outbox
from connectors.webhooks.channel import Answer
from connectors.webhooks.receiver import HttpReceiver
from connectors.webhooks.sender import WebhookSender, WebhookSettings
from connectors.webhooks.settings import ReceiverSettings


class Killing(HttpReceiver):
    """The receiver has the message, and nobody will ever note it."""

    def send(self, event_id: str, body: bytes) -> Answer:
        super().send(event_id, body)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


if __name__ == "__main__":
    state, url = sys.argv[1:]
    clock = SystemClock()
    channel = Killing(ReceiverSettings(name="a", url=SecretStr(url)), clock, timeout_s=30.0)
    sender = WebhookSender(Outbox(ControlRoomDatabase.open(Path(state))), {"a": channel}, clock, WebhookSettings())
    sender.start()
    clock.sleep(120.0)
