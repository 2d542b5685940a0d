"""Messages that no agent can read, for every topic that an agent reads."""

from collections.abc import Iterator

from connectors.kafka.producer import BlockProducer
from connectors.wire.codec import SCHEMA_HEADER, SCHEMAS
from connectors.wire.message import Headers, Outgoing
from models.messages import AlertMessage, DecidedMessage, EvidenceMessage, RecordMessage, ScoredMessage
from streams.settings import Settings
from streams.topology import TopicName

_TOPICS: dict[TopicName, type] = {
    TopicName.IMAGES: RecordMessage,
    TopicName.ENERGIES: RecordMessage,
    TopicName.SPECTRA: RecordMessage,
    TopicName.SCORED: ScoredMessage,
    TopicName.DECIDED: DecidedMessage,
    TopicName.ALERTS: AlertMessage,
    TopicName.EVIDENCE: EvidenceMessage,
}
_GARBAGE = bytes(range(256)) * 4


def send_poison(settings: Settings) -> int:
    """Send some of every kind to every topic; how many they were."""
    number = 0
    with BlockProducer(settings.kafka, settings.topics.installation) as producer:
        for message in _messages():
            producer.send(message)
            number += 1
        producer.flush()
    return number


def _messages() -> Iterator[Outgoing]:
    for topic, kind in _TOPICS.items():
        right = str(SCHEMAS[kind]).encode()
        name, _, version = right.partition(b"/")
        kinds: list[tuple[bytes | None, Headers]] = [
            (_GARBAGE, ()),  # of no kind
            (None, ((SCHEMA_HEADER, right),)),  # of the right kind, and empty
            (_GARBAGE, ((SCHEMA_HEADER, right),)),  # damaged
            (_GARBAGE, ((SCHEMA_HEADER, b"unheard-of/1"),)),
            (_GARBAGE, ((SCHEMA_HEADER, name + b"/9" + version),)),  # of a version to come
        ]
        for value, headers in kinds:
            yield Outgoing(topic=topic, key=b"poison", value=value, headers=headers)
