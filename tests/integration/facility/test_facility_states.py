"""A facility on Kafka gets hourly states from a watch behind its recorder, and its stretches can be replayed."""

import json
from pathlib import Path

import pytest

from connectors.state.reader import StateReader
from models.errors import FatalError
from servers.kafka_server import KafkaServer
from streams.drills.installation import TemporaryInstallation
from tests.integration.archive.test_replay import STRETCH, assert_same_stretch
from tests.support.commands import Run
from tests.support.watch_results import read_results
from tests.support.watching import wait_until

#: A shorter time than a day's first minutes, so that they are decided within the day.
ROSTER = "roster_learning_ms = 20000"


def is_recorded(state: Path, snapshots: int) -> bool:
    """Whether the recorder has finished so many snapshots."""
    try:
        with StateReader.open(state) as reader:
            ledger = reader.ledger()
    except FatalError:
        return False
    return bool(ledger["files"]["accepted"] == snapshots and ledger["balanced"] and not ledger["records"]["pending"])


@pytest.mark.timeout(300)
def test_a_stretch_of_a_facility_is_replayed_from_an_archived_state(
    kafka: KafkaServer, day: Path, command: Run, tmp_path: Path
) -> None:
    config = tmp_path / "petawatch.toml"
    options = {"kafka": f'bootstrap_servers = "{kafka.address}"', "archive": "state_every_s = 10.0", "join": ROSTER}
    config.write_text("".join(f"[{part}]\n{option}\n" for part, option in options.items()))
    snapshots = len(list(day.rglob("*.h5")))
    with TemporaryInstallation(tmp_path / "site", config, f"states-{tmp_path.name[-8:]}") as site:
        site.worker()
        site.connect(day)
        wait_until(lambda: is_recorded(site.state, snapshots), within_s=200)
        recorder = site.state
    where = ("--state", recorder, "--config", config)
    recorded = read_results(recorder)
    code, _, told = command("archive", "states", "--once", *where)
    assert not told
    assert code == 0
    progress = json.loads((recorder / "archive" / "following" / "progress.json").read_text())
    assert (progress["different"], progress["differing"]) == (0, [])
    assert progress["same"] >= 5
    assert "it starts from states/2022-07-01/09-31-59_" in command("replay", *STRETCH, *where, "--dry")[1]
    code, out, told = command("replay", *STRETCH, *where, "--json")
    assert code == 0, told
    assert_same_stretch(read_results(Path(json.loads(out)["results"][0])), recorded)
