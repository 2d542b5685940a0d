"""What operators decide, told to the agents in line with the records: a promoted model, an accepted baseline.

Its place among the records is an offset of their partition. So it takes effect once and at the same record, whoever
works on the partition and however often.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from connectors.model_files import write_model
from connectors.wire.codec import Message, encode
from connectors.wire.message import Incoming, Outgoing
from models.baseline import AcceptedBaseline
from models.messages import ModelFiles, ModelPromotion
from models.model_bundle import ModelBundle
from streams.topology import RECORD_TOPICS, TopicName

#: So many models are kept in their topic: cameras that had no beam since earlier promotions still need theirs.
KEPT_MODELS = 8


class AnnouncementReader(Protocol):
    """Reads all that a topic holds now (``connectors.kafka.reader.TopicReader``)."""

    def read(self, topics: Iterable[str]) -> Iterator[Incoming]:
        """All messages, in the order of each partition."""
        ...


class AnnouncementSender(Protocol):
    """Writes messages (``connectors.kafka.producer.BlockProducer``)."""

    def send(self, message: Outgoing, partition: int | None = ...) -> None:
        """Queue a message."""
        ...

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged."""
        ...


def announce_model(
    reader: AnnouncementReader, sender: AnnouncementSender, bundle: ModelBundle, partitions: int, now_ns: int
) -> None:
    """Let all cameras change to a model: its files first, then a word in every partition of the images.

    Whoever comes to the word finds the files. Done again, also after half of it, it changes nothing where it was done.

    Parameters
    ----------
    partitions
        Of the images.

    Raises
    ------
    RetryableError, FatalError
        As ``BlockProducer`` and ``TopicReader``.
    """
    kept = {message.key: message.value is not None for message in _latest_last(reader)}
    others = [key for key, present in kept.items() if present and key is not None and key != bundle.name.encode()]
    _send(sender, TopicName.MODELS, bundle.name, ModelFiles(model=bundle.name, files=_files(bundle)))
    sender.flush()
    for number in range(partitions):
        _send(sender, TopicName.IMAGES, bundle.name, ModelPromotion(model=bundle.name, at_ns=now_ns), number)
    for key in others[: max(0, len(others) + 1 - KEPT_MODELS)]:
        sender.send(Outgoing(topic=TopicName.MODELS, key=key, value=None))
    sender.flush()


def announce_baseline(sender: AnnouncementSender, baseline: AcceptedBaseline) -> None:
    """Let a baseline take effect at its device, behind the records that were sent of it.

    Raises
    ------
    RetryableError, FatalError
        As ``BlockProducer``.
    """
    _send(sender, RECORD_TOPICS[baseline.device.kind], baseline.device.name, baseline)
    sender.flush()


def _latest_last(reader: AnnouncementReader) -> Iterator[Incoming]:
    """The last message of each key, in their order."""
    latest: dict[bytes | None, Incoming] = {}
    for message in reader.read([TopicName.MODELS]):
        latest.pop(message.key, None)
        latest[message.key] = message
    yield from latest.values()


def _files(bundle: ModelBundle) -> dict[str, bytes]:
    """The model as it lies in a folder, whatever that consists of."""
    with tempfile.TemporaryDirectory(prefix="petawatch-model-") as temporary:
        write_model(Path(temporary), bundle)
        return {file.name: file.read_bytes() for file in sorted(Path(temporary).iterdir())}


def _send(
    sender: AnnouncementSender, topic: TopicName, key: str, message: Message, partition: int | None = None
) -> None:
    encoded = encode(message)
    outgoing = Outgoing(topic=topic, key=key.encode(), value=encoded.value, headers=encoded.headers)
    sender.send(outgoing, partition)
