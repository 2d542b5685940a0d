"""What the connector says, on its way to the topics: encoded, keyed, counted, split where it is too large."""

from typing import Protocol

from connectors.kafka.failures import MessageTooLargeError
from connectors.wire.announcement import Announcement
from connectors.wire.codec import Message, encode
from connectors.wire.message import Outgoing
from connectors.wire.progress import Progress
from models.alerts.alert import AlertEvent
from models.messages import AlertMessage, DeviceNotice, FileMoment, RecordMessage
from streams.connector.message_blocks import halves
from streams.topology import CONNECTOR, RECORD_TOPICS, TopicName


class MessageProducer(Protocol):
    """Writes messages to Kafka, in order within a partition.

    Every method raises ``RetryableError`` when the cluster is away and ``FatalError`` when it refuses for good.
    """

    def send(self, message: Outgoing) -> None:
        """Hand a message over; may wait for room.

        Raises
        ------
        MessageTooLargeError
            The cluster takes no message of this size; nothing was sent.
        """
        ...

    def flush(self) -> None:
        """Wait until everything that was handed over is acknowledged."""
        ...


class SendingSigns(Protocol):
    """What is shown of the sending."""

    def sent(self, topic: TopicName | str, *, blocks: int, records: int, size_bytes: int) -> None:
        """Blocks of records were acknowledged."""
        ...


class MessageSender:
    """Sends what the connector has to say.

    Parameters
    ----------
    name
        Of the connector.
    """

    def __init__(self, producer: MessageProducer, name: str, signs: SendingSigns) -> None:
        self._producer = producer
        self._name = name
        self._signs = signs
        self._unacknowledged: dict[TopicName, list[int]] = {}

    def records(self, message: RecordMessage) -> None:
        """A block of records; in two parts when the cluster takes no message as large as this one.

        Raises
        ------
        MessageTooLargeError
            Not even a single record is small enough.
        """
        topic = RECORD_TOPICS[message.block.device.kind]
        try:
            size_bytes = self._send(topic, message.block.device.name, message)
        except MessageTooLargeError:
            if len(message.block) < 2:
                raise
            for half in halves(message):
                self.records(half)
            return
        counts = self._unacknowledged.setdefault(topic, [0, 0, 0])
        counts[0] += 1
        counts[1] += len(message.block)
        counts[2] += size_bytes

    def notice(self, notice: DeviceNotice) -> None:
        """A word about a device, in line with its records."""
        self._send(RECORD_TOPICS[notice.device.kind], notice.device.name, notice)

    def announcement(self, announcement: Announcement) -> None:
        """What became of a file."""
        record = announcement.record
        self._send(TopicName.SNAPSHOTS, record.path if record is not None else self._name, announcement)

    def alert(self, event: AlertEvent, moment: FileMoment | None = None) -> None:
        """One step in an alert's life."""
        self._send(TopicName.ALERTS, event.alert.id, AlertMessage(event=event, moment=moment))

    def progress(self, progress: Progress) -> None:
        """How far this connector has come."""
        self._send(TopicName.PROGRESS, f"{CONNECTOR}/{self._name}", progress)

    def flush(self) -> None:
        """Wait until everything is acknowledged."""
        self._producer.flush()
        counted, self._unacknowledged = self._unacknowledged, {}
        for topic, (blocks, records, size_bytes) in counted.items():
            self._signs.sent(topic, blocks=blocks, records=records, size_bytes=size_bytes)

    def _send(self, topic: TopicName, key: str, message: Message) -> int:
        encoded = encode(message)
        self._producer.send(Outgoing(topic=topic, key=key.encode(), value=encoded.value, headers=encoded.headers))
        return len(encoded.value)
