"""A promoted model and an accepted baseline on their way to the agents."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from connectors.model_files import default_model
from connectors.wire.codec import decode
from connectors.wire.message import Incoming, Outgoing
from models.baseline import AcceptedBaseline
from models.devices import parse_device
from models.errors import RetryableError
from models.messages import ModelFiles, ModelPromotion, ModelRole, ShadowPromotion
from streams.facility import announcements
from streams.facility.announcements import announce_baseline, announce_model, announce_no_shadow, announce_shadow
from streams.topology import TopicName

BUNDLE = replace(default_model(), seeds={"other": 1})


class Kafka:
    """Both ends; every message that is acknowledged."""

    def __init__(self) -> None:
        self.written: list[tuple[Outgoing, int | None]] = []
        self._queued: list[tuple[Outgoing, int | None]] = []
        self.away_after = 1 << 30

    def send(self, message: Outgoing, partition: int | None = None) -> None:
        if len(self.written) + len(self._queued) >= self.away_after:
            raise RetryableError("Kafka does not answer", reason="kafka_away")
        self._queued.append((message, partition))

    def flush(self) -> None:
        self.written += self._queued
        self._queued = []

    def read(self, topics: Iterable[str]) -> Iterator[Incoming]:
        wanted = list(topics)
        of_topic = [message for message, _ in self.written if message.topic in wanted]
        yield from [incoming(message, offset) for offset, message in enumerate(of_topic)]

    def models(self) -> list[str]:
        """Those whose files are in the topic, after its compaction."""
        latest: dict[bytes | None, bytes | None] = {}
        for message in self.read([TopicName.MODELS]):
            latest[message.key] = message.value
        return [(key or b"").decode() for key, value in latest.items() if value is not None]


def incoming(message: Outgoing, offset: int = 0) -> Incoming:
    return Incoming(
        topic=message.topic,
        partition=0,
        offset=offset,
        key=message.key,
        value=message.value,
        headers=message.headers,
    )


def test_the_files_are_there_before_anybody_is_told_and_every_partition_is() -> None:
    kafka = Kafka()
    announce_model(kafka, kafka, BUNDLE, partitions=3, now_ns=7)
    (files, _), *words = kafka.written
    assert (files.topic, files.key) == (TopicName.MODELS, BUNDLE.name.encode())
    content = decode(incoming(files))
    assert isinstance(content, ModelFiles)
    assert content.files["model.onnx"] == BUNDLE.onnx
    assert [partition for _, partition in words] == [0, 1, 2]
    promotion = ModelPromotion(model=BUNDLE.name, at_ns=7)
    assert [(word.topic, decode(incoming(word))) for word, _ in words] == [(TopicName.IMAGES, promotion)] * 3


def test_nobody_is_told_of_files_that_kafka_did_not_take() -> None:
    kafka = Kafka()
    kafka.away_after = 0
    with pytest.raises(RetryableError):
        announce_model(kafka, kafka, BUNDLE, partitions=3, now_ns=7)
    assert kafka.written == []


def test_the_latest_models_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "KEPT_MODELS", 3)
    kafka = Kafka()
    bundles = [replace(BUNDLE, seeds={"number": number}) for number in range(4)]
    for bundle in (*bundles[:3], bundles[0], bundles[3]):  # the first one was gone back to
        announce_model(kafka, kafka, bundle, partitions=1, now_ns=1)
    assert sorted(kafka.models()) == sorted(bundles[number].name for number in (0, 2, 3))


def test_a_shadow_has_files_and_is_told_to_every_partition_and_so_is_its_end() -> None:
    kafka = Kafka()
    announce_shadow(kafka, kafka, BUNDLE, partitions=2, now_ns=7)
    announce_no_shadow(kafka, partitions=2, now_ns=8)
    (files, _), *words = kafka.written
    content = decode(incoming(files))
    assert isinstance(content, ModelFiles)
    assert (content.role, content.files["model.onnx"]) == (ModelRole.SHADOW, BUNDLE.onnx)
    assert [(word.topic, partition, decode(incoming(word))) for word, partition in words] == [
        (TopicName.IMAGES, partition, ShadowPromotion(model=model, at_ns=at_ns))
        for model, at_ns in ((BUNDLE.name, 7), ("", 8))
        for partition in (0, 1)
    ]


def test_shadows_come_and_go_beside_the_models_that_were_in_use() -> None:
    kafka = Kafka()
    used, *shadows = [replace(BUNDLE, seeds={"number": number}) for number in range(5)]
    announce_model(kafka, kafka, used, partitions=1, now_ns=1)
    for shadow in (*shadows, used):  # in the end the one that was in use before
        announce_shadow(kafka, kafka, shadow, partitions=1, now_ns=1)
    assert sorted(kafka.models()) == sorted(bundle.name for bundle in (used, *shadows[-1:]))
    roles = {
        content.model: content.role
        for message in kafka.read([TopicName.MODELS])
        if message.value is not None and isinstance(content := decode(message), ModelFiles)
    }
    assert roles[used.name] is ModelRole.PRODUCTION
    announce_model(kafka, kafka, shadows[-1], partitions=1, now_ns=1)
    assert announcements._kept(kafka)[ModelRole.PRODUCTION] == [
        used.name.encode(),
        shadows[-1].name.encode(),
    ]


def test_a_baseline_goes_where_the_records_of_its_device_go() -> None:
    kafka = Kafka()
    meter = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
    baseline = AcceptedBaseline(id=3, device=meter, from_ns=5)
    announce_baseline(kafka, baseline)
    [(sent, partition)] = kafka.written
    assert (sent.topic, sent.key, partition) == (TopicName.ENERGIES, meter.name.encode(), None)
    assert decode(incoming(sent)) == baseline
