"""The wall of a facility on a real broker: pixels are in the workers, the board is beside the recorder."""

from pathlib import Path

from connectors.live_board import BOARD_NAME, LiveBoardReader
from models.devices import RecordKind
from servers.kafka_server import KafkaServer
from streams.facility.topic_plan import apply_topics, plan
from tests.integration.facility.test_worker_command import configuration
from tests.support.kafka import kafka_settings, own_installation
from tests.support.shown_frames import assert_shows_its_frame
from tests.support.watching import petawatch, petawatch_running, wait_until


def test_workers_send_what_they_worked_on_and_the_recorder_shows_it(
    kafka: KafkaServer, day: Path, snapshots: list[Path], tmp_path: Path
) -> None:
    topics = own_installation("live")
    apply_topics(kafka_settings(kafka), plan(topics, 1 << 20), lambda _: None)
    config, state = configuration(tmp_path, kafka.address, topics), tmp_path / "state"
    quick = {"PETAWATCH_WORKER__WARM_UP": "false"}
    with (
        petawatch_running("worker", "--config", config, "--state", state, environment=quick) as worker,
        LiveBoardReader(state / BOARD_NAME) as board,
    ):
        connected = petawatch("connect", day, "--state", tmp_path / "sent", "--config", config, "--once")
        assert connected.returncode == 0, connected.stderr

        def all_shown() -> bool:
            assert worker.poll() is None, worker.communicate()
            kinds = [reading.device.kind for reading in board.readings()]
            return all(kinds.count(kind) == 2 for kind in set(RecordKind) - {RecordKind.OTHER})

        wait_until(all_shown)
        cameras = [reading for reading in board.readings() if reading.thumbnail is not None]
        assert len(cameras) == 2
        for camera in cameras:
            assert_shows_its_frame(camera, day, snapshots)
