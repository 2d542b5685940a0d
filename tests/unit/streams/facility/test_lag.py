"""Lag in event time: who is behind, from when on it is an alert, and that alerts survive a change of the recorder."""

import pytest

from connectors.wire.progress import Progress
from models.alerts.alert import AlertChange, AlertEvent
from models.event_time import SECOND_NS
from models.state import decode_state, encode_state
from streams.facility.facility_metrics import Partition
from streams.facility.lag import CONFIRM_S, LagMonitor
from streams.topology import TopicSettings

TOPICS = TopicSettings(
    image_partitions=2, energy_partitions=1, spectrum_partitions=1, other_partitions=1, join_partitions=1
)
LIMIT_S = 180.0
T = 1_656_668_000 * SECOND_NS
IMAGE_0, IMAGE_1, JOIN, RECORDER = (
    Partition("image", 0),
    Partition("image", 1),
    Partition("join", 0),
    Partition("recorder", 0),
)


def at_ns(seconds: float) -> int:
    return T + round(seconds * SECOND_NS)


class Installation:
    """What the progress topic and the ends of the topics say, as a test moves it."""

    def __init__(self) -> None:
        self.monitor = LagMonitor(TOPICS, LIMIT_S)
        self.progress: dict[str, Progress] = {}
        self.ends: dict[tuple[str, int], int] = {}
        self.now_ns = T

    def worked(
        self, place: Partition, start_s: float, next_offset: int, model: str = "", worker: str = "worker"
    ) -> None:
        self.progress[str(place)] = Progress(
            name=worker, at_ns=T, next_offset=next_offset, snapshot_start_ns=at_ns(start_s), model=model
        )

    def sent(self, start_s: float, connector: str = "rec-1", **ends: int) -> None:
        """A connector has sent; keyword ``images_1=9``: the topic's partition 1 ends at 9 now."""
        self.progress[f"connect/{connector}"] = Progress(name=connector, at_ns=T, snapshot_start_ns=at_ns(start_s))
        for name, end in ends.items():
            topic, _, partition = name.partition("_")
            self.ends[topic, int(partition or 0)] = end

    def look(self, after_s: float = 0.0) -> list[AlertEvent]:
        self.now_ns += round(after_s * SECOND_NS)
        return self.monitor.observe(self.progress, self.ends, self.now_ns)

    def lag_s(self, place: Partition) -> float:
        return self.monitor.summary.lags[place].seconds


@pytest.fixture
def installation() -> Installation:
    return Installation()


def test_an_installation_without_a_word_is_not_behind(installation: Installation) -> None:
    assert installation.look() == []
    assert set(installation.monitor.summary.seconds.values()) == {0.0}
    assert len(installation.monitor.summary.lags) == 7  # every partition of every agent, worked on or not


def test_lag_is_from_the_work_to_what_was_sent(installation: Installation) -> None:
    installation.sent(300, images_0=50, images_1=50)
    installation.worked(IMAGE_0, 120, 40)
    installation.worked(IMAGE_1, 300, 49)
    installation.look()
    assert installation.lag_s(IMAGE_0) == 180
    assert installation.lag_s(IMAGE_1) == 0
    assert installation.monitor.summary.lags[IMAGE_0].messages == 10
    assert installation.monitor.summary.messages == 11


def test_the_newest_of_several_connectors_counts(installation: Installation) -> None:
    installation.sent(0, images_0=50)
    installation.sent(60, "rec-2")
    installation.worked(IMAGE_0, 0, 1)
    installation.look()
    assert installation.lag_s(IMAGE_0) == 60


def test_a_connector_that_has_said_nothing_hides_no_lag(installation: Installation) -> None:
    installation.worked(IMAGE_0, 0, 1)
    installation.worked(Partition("energy", 0), 240, 1)
    installation.ends["images", 0] = 9
    installation.look()
    assert installation.lag_s(IMAGE_0) == 240


def test_where_nothing_waits_nothing_is_behind(installation: Installation) -> None:
    """A device that has been switched off has no newer records: its partition stands still, and that is right."""
    installation.sent(10_000, images_0=50)
    installation.worked(IMAGE_0, 0, 50)
    assert [*installation.look(), *installation.look(60)] == []
    assert installation.lag_s(IMAGE_0) == 0


def test_each_agent_is_measured_against_what_was_sent_to_it(installation: Installation) -> None:
    """Images are slow: the join waits for them as it should, and is not to blame."""
    installation.sent(600, images_0=500, scored=40, decided=9)
    installation.worked(IMAGE_0, 0, 1)
    installation.worked(JOIN, 0, 39)
    installation.worked(RECORDER, 0, 8)
    opened = [*installation.look(), *installation.look(CONFIRM_S)]
    assert [event.alert.source.file for event in opened] == ["image/0"]
    assert installation.lag_s(JOIN) == installation.lag_s(RECORDER) == 0


def test_join_and_recorder_can_be_behind_themselves(installation: Installation) -> None:
    installation.sent(600, scored=40, decided=3)
    installation.worked(Partition("energy", 0), 600, 0)
    installation.worked(JOIN, 300, 10)
    installation.worked(RECORDER, 50, 1)
    installation.look()
    assert installation.lag_s(JOIN) == 300
    assert installation.lag_s(RECORDER) == 250


def test_an_alert_needs_a_lag_that_lasts(installation: Installation) -> None:
    installation.sent(600, images_0=50)
    installation.worked(IMAGE_0, 0, 1)
    assert installation.look() == []
    assert installation.look(CONFIRM_S - 1) == []
    installation.worked(IMAGE_0, 590, 45)  # an old file has been caught up with
    assert installation.look(0.5) == []
    installation.worked(IMAGE_0, 100, 46)
    assert installation.look(0.5) == []
    (opened,) = installation.look(CONFIRM_S)
    assert (opened.change, opened.alert.first_shot_ns) == (AlertChange.OPENED, T + 100 * SECOND_NS)
    assert opened.alert.last_shot_ns == T + 600 * SECOND_NS


def test_an_alert_closes_well_below_the_limit_and_only_once(installation: Installation) -> None:
    installation.sent(600, images_0=50)
    installation.worked(IMAGE_0, 0, 1)
    installation.look()
    (opened,) = installation.look(CONFIRM_S)
    installation.worked(IMAGE_0, 430, 30)
    assert installation.look(1) == []  # 170 s: below the limit, and still open
    installation.worked(IMAGE_0, 400, 31)
    assert installation.look(60) == []
    installation.worked(IMAGE_0, 510, 40)
    (closed,) = installation.look(1)
    assert (closed.change, closed.alert.id) == (AlertChange.CLOSED, opened.alert.id)
    assert installation.look(60) == []


def test_an_agent_that_nobody_runs_is_told_too(installation: Installation) -> None:
    """A partition without any progress has no time of its own: it counts from what it found waiting."""
    installation.sent(0, images_1=1)
    assert installation.look() == []
    installation.sent(200, images_1=90)
    assert installation.look() == []
    (opened,) = installation.look(CONFIRM_S)
    assert opened.alert.source.file == "image/1"
    assert opened.alert.first_shot_ns == T
    installation.worked(IMAGE_1, 200, 90)
    assert [event.change for event in installation.look(1)] == [AlertChange.CLOSED]


def test_a_clock_that_steps_opens_nothing_early_and_hides_nothing(installation: Installation) -> None:
    installation.sent(600, images_0=50)
    installation.worked(IMAGE_0, 0, 1)
    assert installation.look() == []
    assert installation.look(-3600) == []
    assert installation.look(CONFIRM_S - 1) == []
    assert len(installation.look(1)) == 1


def test_open_alerts_survive_a_change_of_the_recorder(installation: Installation) -> None:
    installation.sent(600, images_0=50, images_1=9)
    installation.worked(IMAGE_0, 0, 1)
    installation.look()
    (opened,) = installation.look(CONFIRM_S)
    saved = decode_state(encode_state(installation.monitor.state()))
    installation.monitor = LagMonitor(TOPICS, LIMIT_S)
    installation.monitor.restore(saved)
    assert installation.look(1) == []
    installation.sent(1000)
    (for_image_1,) = [*installation.look(1), *installation.look(CONFIRM_S)]
    assert for_image_1.alert.first_shot_ns == T + 600 * SECOND_NS  # what it had found waiting was kept, too
    installation.worked(IMAGE_0, 1000, 50)
    (closed,) = installation.look(1)
    assert closed.alert.id == opened.alert.id


def test_all_models_that_score_are_named(installation: Installation) -> None:
    installation.worked(IMAGE_0, 0, 0, "b", worker="second")
    installation.worked(IMAGE_1, 0, 0, "a", worker="first")
    installation.worked(JOIN, 0, 0, worker="third")
    installation.look()
    assert installation.monitor.summary.models == {"first": ("a",), "second": ("b",)}


def test_silence_is_part_of_what_is_watched_and_of_the_state(installation: Installation) -> None:
    installation.sent(0)
    found = [event for _ in range(8) for event in installation.look(10)]
    assert [(event.alert.source.file, event.alert.reasons) for event in found] == [("connect/rec-1", ("silent",))]
    saved = decode_state(encode_state(installation.monitor.state()))
    installation.monitor = LagMonitor(TOPICS, LIMIT_S)
    installation.monitor.restore(saved)
    assert installation.look(10) == []
    del installation.progress["connect/rec-1"]
    (closed,) = installation.look(10)
    assert (closed.change, closed.alert.id) == (AlertChange.CLOSED, found[0].alert.id)


def test_a_state_of_before_silence_was_watched_is_read(installation: Installation) -> None:
    saved = installation.monitor.state()
    del saved["silent"]
    installation.monitor.restore(saved)
    installation.sent(0)
    assert installation.look() == []
