"""What a replay may remove from a cluster: its own topics by their full names, and nothing of anybody else."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError
from streams.replay.mark import ReplayMark, claim
from streams.replay.on_kafka.run import replay_topics
from streams.replay.on_kafka.topics import ReplayTopics
from streams.settings import default_settings
from streams.topology import TOPICS, TopicSettings

ID = "0123456789ab"


def of(installation: str) -> ReplayTopics:
    topics = TopicSettings(installation=installation)
    return ReplayTopics(kafka=KafkaSettings(), topics=topics, block_bytes=1 << 20)


def test_they_are_those_of_an_installation_of_its_own() -> None:
    live = TopicSettings(installation="hpls", image_partitions=3)
    own = ReplayTopics.of(KafkaSettings(), live, ID, 1 << 20)
    assert own.topics == replace(live, installation=f"hpls-replay-{ID}")
    assert set(own.names) == {f"hpls-replay-{ID}.{row.name}" for row in TOPICS}
    assert not {live.full_name(row.name) for row in TOPICS}.intersection(own.names)


def test_its_groups_are_known_from_others() -> None:
    own = [f"hpls-replay-{ID}.worker", f"hpls-replay-{ID}.worker.image+join"]
    others = ["hpls.worker", f"hpls-replay-{ID}.workers", f"hpls-replay-{ID}0.worker", f"x-hpls-replay-{ID}.worker"]
    assert of(f"hpls-replay-{ID}").own_groups([*others, *own]) == own


@pytest.mark.parametrize(
    "installation",
    [
        "hpls",
        "hpls-replay",
        "hpls-replay-",
        f"-replay-{ID}",
        f"hpls-{ID}",
        f"hpls-replay-{ID}0",
        "hpls-replay-0123456789aB",
    ],
)
def test_of_no_other_installation_anything_can_be_removed(installation: str) -> None:
    with pytest.raises(ValueError, match="is no replay's installation"):
        of(installation)


def test_the_same_replay_into_the_same_folder_has_the_same_ones_and_no_other_has(tmp_path: Path) -> None:
    settings = default_settings()
    first = replay_topics(settings, "0123", tmp_path / "one")
    assert replay_topics(settings, "0123", tmp_path / "two" / ".." / "one") == first
    others = [replay_topics(settings, "0123", tmp_path / "two"), replay_topics(settings, "0124", tmp_path / "one")]
    assert len({each.topics.installation for each in (first, *others)}) == 3


def test_what_was_begun_goes_on_with_its_topics_when_the_computer_has_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, begun = default_settings(), replay_topics(default_settings(), "0123", tmp_path)
    claim(tmp_path, ReplayMark(replay="0123", topics=begun.topics.installation))
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    now = replay_topics(settings, "0123", tmp_path)
    mark = claim(tmp_path, ReplayMark(replay="0123", topics=now.topics.installation))
    assert now != begun
    assert now.named(mark.topics) == begun


@pytest.mark.parametrize("name", ["hpls", f"other-replay-{ID}", f"petawatch-replay-{ID}0", f"petawatch-replay-{ID}.x"])
def test_a_mark_that_names_topics_of_others_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="none of this installation"):
        replay_topics(default_settings(), "0123", tmp_path).named(name)
