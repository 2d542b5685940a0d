"""``petawatch baseline accept`` in a facility, with a real broker."""

import json
from pathlib import Path

from connectors.control_room.decisions import OperatorDecisions
from connectors.kafka.reader import TopicReader
from connectors.wire.codec import decode
from servers.kafka_server import KafkaServer
from streams.topology import TopicName
from tests.support.accepting import facility_state
from tests.support.alarms import CAMERA, START
from tests.support.commands import Run
from tests.support.kafka import kafka_settings, make_topics, own_installation


def test_it_stands_among_the_records_and_in_the_list(kafka: KafkaServer, tmp_path: Path, command: Run) -> None:
    topics, state, config = own_installation(), tmp_path / "state", tmp_path / "petawatch.toml"
    facility_state(state)
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{kafka.address}"\n[topics]\ninstallation = "{topics.installation}"\n'
    )
    arguments = ("--device", CAMERA, "--from", START, "--reason", "x", "--state", state, "--config", config)
    code, out, err = command("baseline", "accept", *arguments)
    assert (code, out) == (1, "")
    assert "topics apply" in err  # the settings name another installation, perhaps
    assert OperatorDecisions(state).baselines() == []
    make_topics(kafka, topics)
    code, out, _ = command("baseline", "accept", *arguments)
    assert code == 0
    assert f"{CAMERA} learns anew" in out
    [recorded] = OperatorDecisions(state).baselines()
    with TopicReader(kafka_settings(kafka), topics.installation) as reader:
        assert [decode(message) for message in reader.read([TopicName.IMAGES])] == [recorded.baseline]
    code, out, _ = command("baseline", "list", "--json", "--state", state)
    assert (code, json.loads(out)["told"]) == (0, True)
