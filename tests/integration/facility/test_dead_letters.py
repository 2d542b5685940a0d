"""The commands about dead letters, against a real broker."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.wire.codec import encode
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.message import Incoming, Outgoing
from models.event_time import parse_iso
from models.messages import ModelPromotion
from servers.kafka_server import KafkaServer
from streams.command_line import run
from streams.topology import TopicName, TopicSettings
from tests.support.kafka import kafka_settings, make_topics, own_installation

SHA256 = "ab" * 32
CAMERA = "LA_A3_31-Camera_1-Camera-1"
AT_NS = parse_iso("2022-07-01T09:34:00Z")


@dataclass
class Site:
    """An installation of its own on the broker that all tests share."""

    server: KafkaServer
    topics: TopicSettings
    config: Path

    def send(self, *messages: Outgoing) -> None:
        with BlockProducer(kafka_settings(self.server), self.topics.installation) as producer:
            for message in messages:
                producer.send(message)
            producer.flush()

    def read(self, topic: TopicName) -> list[Incoming]:
        with TopicReader(kafka_settings(self.server), self.topics.installation) as reader:
            return list(reader.read([topic]))

    def command(self, *arguments: str) -> int:
        name, *rest = arguments
        return run(["dead-letters", name, "--config", str(self.config), *rest])


@pytest.fixture
def site(kafka: KafkaServer, tmp_path: Path) -> Site:
    topics = own_installation("letters")
    make_topics(kafka, topics)
    config = tmp_path / "petawatch.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{kafka.address}"\n[topics]\ninstallation = "{topics.installation}"\n'
        f"image_partitions = {topics.image_partitions}\nenergy_partitions = {topics.energy_partitions}\n"
        f"spectrum_partitions = {topics.spectrum_partitions}\nother_partitions = {topics.other_partitions}\n"
        f"join_partitions = {topics.join_partitions}\n"
    )
    return Site(kafka, topics, config)


def block(number: int) -> Outgoing:
    """A block of records of a version to come."""
    headers = {"schema": "records/99", "file": f"10Hz/day/{number}.h5", "sha256": SHA256, "device": CAMERA}
    numbers = {"records": 32, "first_record": 32 * number}
    return Outgoing(
        topic=TopicName.IMAGES,
        key=CAMERA.encode(),
        value=bytes(range(256)) * 40 + bytes([number]),
        headers=tuple((name, str(value).encode()) for name, value in {**headers, **numbers}.items()),
    )


def refused(original: Incoming, reason: str = "unknown_version", agent: str = "image") -> Outgoing:
    """What an agent sends when it refuses a message."""
    letter = DeadLetterMessage(
        original=original, reason=reason, agent=agent, error=f"it is {reason},\x1b[31m so to say", at_ns=AT_NS
    )
    encoded = encode(letter)
    return Outgoing(topic=TopicName.DEAD_LETTERS, key=b"images/0", value=encoded.value, headers=encoded.headers)


@pytest.fixture
def letters(site: Site) -> list[Incoming]:
    """Three blocks, all of them refused, the first by two owners of its partition; and a message of somebody else."""
    site.send(*map(block, range(3)))
    originals = site.read(TopicName.IMAGES)
    reasons = ["unknown_version", "poisonous", "poisonous"]
    sent = [refused(original, reason) for original, reason in zip(originals, reasons, strict=True)]
    site.send(sent[0], *sent, Outgoing(topic=TopicName.DEAD_LETTERS, key=b"x", value=b"hello"))
    return originals


def id_of(message: Incoming) -> str:
    return f"{message.topic}/{message.partition}/{message.offset}"


def test_they_are_listed(site: Site, letters: list[Incoming], capsys: pytest.CaptureFixture[str]) -> None:
    assert site.command("list") == 0
    out, err = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows] == [id_of(letter) for letter in letters]
    assert rows[0][1:9] == [
        *("2022-07-01T09:34:00.000Z", "unknown_version", "image", "32", "0"),
        *(CAMERA, "10Hz/day/0.h5", str(len(block(0).value or b""))),
    ]
    assert "\x1b" not in out
    assert "1 messages in the topic are no dead letters" in err


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--reason", "poisonous"], 2),
        (["--agent", "image"], 3),
        (["--agent", "join"], 0),
        (["--topic", "energies"], 0),
        (["--file", "day/2.h5"], 1),
    ],
)
def test_some_of_them_are_listed(
    site: Site, letters: list[Incoming], options: list[str], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.command("list", "--json", *options) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == count
    assert all(each["size_bytes"] == len(letters[0].value or b"") for each in found)


def test_one_is_shown_with_its_bytes(
    site: Site, letters: list[Incoming], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.command("show", id_of(letters[1]), "--out", str(tmp_path / "value")) == 0
    out = capsys.readouterr().out
    assert "reason: poisonous" in out
    assert "header schema: records/99" in out
    assert (tmp_path / "value").read_bytes() == block(1).value


def test_one_goes_to_its_agent_again(site: Site, letters: list[Incoming], capsys: pytest.CaptureFixture[str]) -> None:
    assert site.command("retry", id_of(letters[1])) == 0
    assert f"{id_of(letters[1])} goes to its agent again" in capsys.readouterr().out
    *_, again = site.read(TopicName.IMAGES)
    first = letters[1]
    assert (again.partition, again.key, again.value) == (first.partition, first.key, first.value)
    assert again.headers == (*first.headers, ("retried", b"2"), ("attempt", b"1"))
    # In vain: then the new letter takes the place of the old one.
    site.send(refused(again, "poisonous"))
    assert site.command("list", "--json", "--reason", "poisonous") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["id"], each["attempts"]) for each in found] == [(id_of(letters[2]), 0), (id_of(again), 1)]


def test_not_for_ever(site: Site, letters: list[Incoming], capsys: pytest.CaptureFixture[str]) -> None:
    tired = replace(letters[0], offset=77, headers=(*letters[0].headers, ("retried", b"99"), ("attempt", b"3")))
    site.send(refused(tired, "poisonous"))
    assert site.command("retry", "--reason", "poisonous") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert f"{id_of(tired)} was retried 3 times in vain; mend the cause, then use --force" in err
    assert len(site.read(TopicName.IMAGES)) == 5
    assert site.command("retry", id_of(tired), "--force") == 0
    *_, again = site.read(TopicName.IMAGES)
    assert dict(again.headers)["attempt"] == b"4"


def test_the_recorders_own_letters_lose_their_origin(site: Site) -> None:
    """Else the recorder would take them for the messages that it passed over."""
    message = Incoming(
        topic="decided",
        partition=0,
        offset=3,
        key=b"LA-A3-31",
        value=b"rows",
        headers=(("schema", b"decided/1"), ("origin", b"scored/0/9/0")),
    )
    site.send(refused(message, agent="recorder"))
    assert site.command("retry", "decided/0/3") == 0
    [again] = site.read(TopicName.DECIDED)
    assert again.headers == (("schema", b"decided/1"), ("retried", b"0"), ("attempt", b"1"))


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["show", "images/0/999"], 1, "there is no dead letter images/0/999"),
        (["retry", "images/0/999", "images/9/1"], 1, "there is no dead letter images/0/999, images/9/1"),
        (["retry"], 2, "name the dead letters by their ids, or by --reason"),
        (["retry", "images/0/1", "--reason", "x"], 2, "name the dead letters by their ids, or by --reason"),
    ],
)
def test_mistakes_are_one_sentence(
    site: Site, arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.command(*arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_no_promotion_goes_behind_a_later_one(
    site: Site, letters: list[Incoming], capsys: pytest.CaptureFixture[str]
) -> None:
    encoded = encode(ModelPromotion(model="ae-1", at_ns=AT_NS))
    promotion = Incoming(
        topic="images", partition=1, offset=70, key=b"ae-1", value=encoded.value, headers=encoded.headers
    )
    shadow = replace(promotion, offset=71, key=b"shadow", headers=(("schema", b"shadow/1"),))
    site.send(refused(promotion, "unknown_schema"), refused(shadow, "unknown_schema"))
    ids = [id_of(each) for each in (letters[1], promotion, shadow)]
    assert site.command("retry", *ids, "--force") == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{ids[0]} goes to its agent again"]
    assert [line.split()[1] for line in err.splitlines()] == ids[1:]
    assert all("is not retried; promote the model again" in line for line in err.splitlines())
    assert [each.key for each in site.read(TopicName.IMAGES)[3:]] == [CAMERA.encode()]


def test_a_topic_of_nobody(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    original = Incoming(topic="gone", partition=0, offset=1, key=None, value=None, headers=())
    site.send(refused(original))
    assert site.command("retry", "gone/0/1") == 1
    assert "comes from the topic gone, which no agent of this version reads" in capsys.readouterr().err
    assert site.command("show", "gone/0/1") == 0


def test_nothing_to_show(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.command("list") == 0
    assert capsys.readouterr().out.strip() == "no dead letters"
