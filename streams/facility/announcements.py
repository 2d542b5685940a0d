"""What operators decide, told to the agents in line with the records: a promoted model, a shadow, a baseline.

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
from connectors.wire.promotions import files_of_shadow
from models.baseline import AcceptedBaseline
from models.messages import ModelFiles, ModelPromotion, ModelRole, ShadowPromotion
from models.model_bundle import ModelBundle
from streams.topology import RECORD_TOPICS, TopicName

#: So many models are kept in their topic: cameras that had no beam since earlier promotions still need theirs.
KEPT_MODELS = 8
#: So many more that were only the shadow: partitions that lag come to the one before the latest, too.
KEPT_SHADOWS = 2
_SHADOW_KEY = "shadow"


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
    others = [key for key in _kept(reader)[ModelRole.PRODUCTION] if key != bundle.name.encode()]
    _send(sender, TopicName.MODELS, bundle.name, ModelFiles(model=bundle.name, files=_files(bundle)))
    sender.flush()
    for number in range(partitions):
        _send(sender, TopicName.IMAGES, bundle.name, ModelPromotion(model=bundle.name, at_ns=now_ns), number)
    _remove(sender, others[: max(0, len(others) + 1 - KEPT_MODELS)])
    sender.flush()


def provide_models(sender: AnnouncementSender, bundles: Iterable[ModelBundle]) -> None:
    """Write the files of models that checkpoints name, without a word to anybody; the last counts as the latest.

    Raises
    ------
    RetryableError, FatalError
        As ``BlockProducer``.
    """
    for bundle in bundles:
        _send(sender, TopicName.MODELS, bundle.name, ModelFiles(model=bundle.name, files=_files(bundle)))
    sender.flush()


def announce_shadow(
    reader: AnnouncementReader, sender: AnnouncementSender, bundle: ModelBundle, partitions: int, now_ns: int
) -> None:
    """Let a model score beside the one in use at all cameras: as ``announce_model``.

    Raises
    ------
    RetryableError, FatalError
        As ``announce_model``.
    """
    kept, key = _kept(reader), bundle.name.encode()
    others = [other for other in kept[ModelRole.SHADOW] if other != key]
    # The files of a model that was in use are there, and stay those of one.
    if key not in kept[ModelRole.PRODUCTION]:
        files = ModelFiles(model=bundle.name, files=_files(bundle), role=ModelRole.SHADOW)
        _send(sender, TopicName.MODELS, bundle.name, files)
        sender.flush()
    _tell_of_shadow(sender, bundle.name, partitions, now_ns)
    _remove(sender, others[: max(0, len(others) + 1 - KEPT_SHADOWS)])
    sender.flush()


def announce_no_shadow(sender: AnnouncementSender, partitions: int, now_ns: int) -> None:
    """Let no model score beside the one in use any more.

    Raises
    ------
    RetryableError, FatalError
        As ``BlockProducer``.
    """
    _tell_of_shadow(sender, "", partitions, now_ns)
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


def _tell_of_shadow(sender: AnnouncementSender, model: str, partitions: int, now_ns: int) -> None:
    for number in range(partitions):
        _send(sender, TopicName.IMAGES, _SHADOW_KEY, ShadowPromotion(model=model, at_ns=now_ns), number)


def _kept(reader: AnnouncementReader) -> dict[ModelRole, list[bytes]]:
    """The models whose files are in their topic, by what they were promoted to; the latest last."""
    kept: dict[ModelRole, list[bytes]] = {role: [] for role in ModelRole}
    for message in _latest_last(reader):
        if message.value is not None and message.key is not None:
            kept[ModelRole.SHADOW if files_of_shadow(message) else ModelRole.PRODUCTION].append(message.key)
    return kept


def _remove(sender: AnnouncementSender, keys: Iterable[bytes]) -> None:
    for key in keys:
        sender.send(Outgoing(topic=TopicName.MODELS, key=key, value=None))


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
