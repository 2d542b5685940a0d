"""The order of snapshots and what is missing, told from names and the caller's clock."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest

from models.event_time import MINUTE_NS, SECOND_NS, parse_iso
from models.snapshot_names import parse_snapshot_name
from models.snapshot_sequence import (
    MissingSnapshot,
    ReturnedSnapshots,
    SequenceSettings,
    SeriesChange,
    SnapshotSequence,
    snapshot_end_ns,
    snapshot_order,
    snapshot_start_ns,
)
from models.state import decode_state, encode_state

START_NS = parse_iso("2022-07-01T09:00:00Z")


def name(minute: int, recorder: str = "CameraComputer01-Recorder", front_end: str = "LA", folder: str = "10Hz") -> str:
    hour, minute_of_hour = divmod(minute, 60)
    time = f"{9 + hour:02d}-{minute_of_hour:02d}-00-000"
    return f"{folder}/2022-07-01/{front_end}_{recorder}_60s_snapshot_2022-07-01_{time}.h5"


SERIES = "10Hz/LA_CameraComputer01-Recorder"


@dataclass
class Watch:
    """A sequence whose clock the test moves."""

    settings: SequenceSettings = field(default_factory=SequenceSettings)
    now_s: float = 0.0
    changes: list[SeriesChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sequence: SnapshotSequence[str] = SnapshotSequence(self.settings)

    @property
    def now_ns(self) -> int:
        return START_NS + round(self.now_s * SECOND_NS)

    def offer(self, *relatives: str) -> None:
        for relative in relatives:
            self.sequence.offer(relative, relative, self.now_ns)

    def ready(self) -> list[str]:
        ordered = [one.item for one in self.sequence.ready(self.now_ns)]
        self.changes += self.sequence.take_changes()
        return ordered

    def step(self, *relatives: str, wait_s: float = 0.0) -> list[str]:
        self.now_s += wait_s
        self.offer(*relatives)
        return self.ready()

    def run(self, minutes: range, *recorders: str) -> None:
        """Let recorders deliver minute by minute."""
        for minute in minutes:
            self.now_s = max(self.now_s, 60.0 * (minute + 1))
            self.step(*(name(minute, recorder) for recorder in recorders))
            self.step(wait_s=6)


def test_a_snapshot_that_follows_goes_on_at_once() -> None:
    watch = Watch()
    assert watch.step(name(0)) == []  # the first may have one before it
    assert watch.step(wait_s=5) == [name(0)]
    assert watch.step(name(1), wait_s=55) == [name(1)]
    assert watch.step(name(2), name(3), wait_s=60) == [name(2), name(3)]
    assert watch.sequence.held == 0


def test_a_later_one_waits_for_an_earlier_one_that_is_being_written() -> None:
    sequence: SnapshotSequence[int] = SnapshotSequence(SequenceSettings())
    sequence.offer(2, name(2), START_NS)
    elsewhere = [name(0, "CameraComputer02-Recorder"), name(3), "odd.h5"]
    assert sequence.ready(START_NS + 5 * SECOND_NS, [*elsewhere, name(1)]) == []
    sequence.offer(1, name(1), START_NS + 10 * SECOND_NS)  # it was complete
    assert sequence.ready(START_NS + 10 * SECOND_NS, [*elsewhere, name(0)]) == []
    assert [one.item for one in sequence.ready(START_NS + 15 * SECOND_NS, elsewhere)] == [1, 2]


def test_a_file_that_never_ends_holds_nothing_up_for_ever() -> None:
    sequence: SnapshotSequence[int] = SnapshotSequence(SequenceSettings())
    sequence.offer(2, name(2), START_NS)
    assert sequence.ready(START_NS + 59 * SECOND_NS, [name(1)]) == []
    assert [one.item for one in sequence.ready(START_NS + 60 * SECOND_NS, [name(1)])] == [2]


def test_a_snapshot_waits_for_the_one_before() -> None:
    watch = Watch()
    watch.run(range(1), "Meter")
    assert watch.step(name(2, "Meter"), wait_s=60) == []
    assert watch.step(name(3, "Meter"), wait_s=2) == []
    assert watch.sequence.held == 2
    assert watch.step(name(1, "Meter"), wait_s=2) == [name(minute, "Meter") for minute in (1, 2, 3)]


def test_nothing_waits_longer_than_the_wait() -> None:
    watch = Watch()
    watch.run(range(1), "Meter")
    assert watch.step(name(5, "Meter"), wait_s=60) == []
    assert watch.step(name(3, "Meter"), wait_s=4) == []  # came later, and has to go before
    assert watch.step(wait_s=0.9) == []
    assert watch.step(wait_s=0.1) == [name(3, "Meter"), name(5, "Meter")]


def test_series_do_not_wait_for_each_other() -> None:
    watch = Watch()
    watch.run(range(1), "One", "Two")
    assert watch.step(name(2, "One"), name(1, "Two"), wait_s=60) == [name(1, "Two")]
    watch.step(wait_s=5)
    assert watch.step(name(3, "Two"), name(3, "One"), name(2, "Two"), wait_s=60) == [
        name(2, "Two"),
        name(3, "One"),
        name(3, "Two"),
    ]


def test_late_ones_and_odd_names_pass_at_once() -> None:
    watch = Watch()
    watch.run(range(3), "Meter")
    odd = ["10Hz/notes.h5", "10Hz/2022-13-45.h5", "Meter_2022-07-01.h5", "a.h5"]
    watch.offer(name(1, "Meter"), *odd, name(2, "Meter"))
    ordered = watch.sequence.ready(watch.now_ns)
    assert [(one.relative, one.late) for one in ordered] == [
        (name(1, "Meter"), True),
        *((relative, False) for relative in odd),
        (name(2, "Meter"), False),  # the latest itself, written anew
    ]


def test_a_held_snapshot_that_is_written_anew_comes_once() -> None:
    sequence: SnapshotSequence[int] = SnapshotSequence(SequenceSettings())
    sequence.offer(1, name(0), START_NS)
    sequence.offer(2, name(0), START_NS + SECOND_NS)
    assert [one.item for one in sequence.ready(START_NS + 5 * SECOND_NS)] == [2]
    assert sequence.flush() == []


def test_names_with_a_time_but_no_length_are_put_into_order_only() -> None:
    watch = Watch()
    watch.offer("b_2022-07-01_10-05-00.h5", "b_2022-07-01_10-00-00.h5")
    assert watch.step(wait_s=5) == ["b_2022-07-01_10-00-00.h5", "b_2022-07-01_10-05-00.h5"]
    assert watch.step("b_2022-07-01_10-20-00.h5", wait_s=5) == []
    assert watch.step(wait_s=5) == ["b_2022-07-01_10-20-00.h5"]
    assert watch.changes == []


def test_flush_sorts_all_by_start_and_path() -> None:
    relatives = [name(minute, recorder) for minute in range(5) for recorder in ("Camera", "Meter")]
    odd = ["z.h5", "a.h5"]
    for seed in range(10):
        shuffled = relatives.copy()
        random.Random(seed).shuffle(shuffled)  # noqa: S311
        watch = Watch()
        watch.offer(*shuffled, *odd)
        ordered = [one.item for one in watch.sequence.flush()]
        assert [relative for relative in ordered if relative not in odd] == sorted(relatives, key=snapshot_order)
        assert [relative for relative in ordered if relative in odd] == odd
        assert watch.sequence.take_changes() == []


def test_any_arrival_within_the_wait_gives_the_same_order_per_series() -> None:
    recorders = ("Camera", "Meter", "Spectro")
    for seed in range(30):
        generator = random.Random(seed)  # noqa: S311
        due = [(60.0 * m + generator.uniform(0, 4.9), name(m, r)) for m in range(8) for r in recorders]
        burst = [(600 + generator.uniform(0, 4.9), name(m, r)) for m in range(9, 15) for r in recorders]
        watch = Watch()
        ordered: list[str] = []
        for arrival_s, relative in sorted(due + burst):
            ordered += watch.step(wait_s=max(0.0, arrival_s - watch.now_s))
            ordered += watch.step(relative)
        ordered += watch.step(wait_s=10)
        for recorder in recorders:
            own = [relative for relative in ordered if recorder in relative]
            assert own == [name(minute, recorder) for minute in (*range(8), *range(9, 15))]


def test_saving_and_restoring_anywhere_changes_nothing() -> None:
    arrivals: list[tuple[float, str]] = []
    for minute in [m for m in range(40) if m not in {10, 11, 25}]:
        arrivals += [(60.0 * minute + 3 * (minute % 2), name(minute, recorder)) for recorder in ("Camera", "Meter")]
    arrivals += [(60.0 * minute, name(minute, "Spectro")) for minute in range(30)]
    arrivals.sort()

    def play(cuts: set[int]) -> tuple[list[tuple[str, bool]], list[SeriesChange]]:
        sequence: SnapshotSequence[str] = SnapshotSequence(SequenceSettings())
        ordered: list[tuple[str, bool]] = []
        changes: list[SeriesChange] = []
        pending: dict[str, int] = {}

        def collect(now_ns: int) -> None:
            for one in sequence.ready(now_ns):
                ordered.append((one.relative, one.late))
                pending.pop(one.relative)
            changes.extend(sequence.take_changes())

        for index, (arrival_s, relative) in enumerate(arrivals):
            now_ns = START_NS + round(arrival_s * SECOND_NS)
            collect(now_ns)
            sequence.offer(relative, relative, now_ns)
            pending[relative] = now_ns
            collect(now_ns)
            if index in cuts:
                document = encode_state(sequence.state())
                sequence = SnapshotSequence(SequenceSettings())
                sequence.restore(decode_state(document))
                for held, arrived_ns in pending.items():  # found again by the watcher
                    sequence.offer(held, held, arrived_ns)
        collect(START_NS + 10_000 * SECOND_NS)
        return ordered, changes

    undisturbed = play(set())
    assert len(undisturbed[1]) == 9  # two gaps of two series with their ends, and the spectrometer's end
    for seed in range(10):
        generator = random.Random(seed)  # noqa: S311
        assert play({generator.randrange(len(arrivals)) for _ in range(8)}) == undisturbed


def test_a_series_that_falls_silent_while_others_deliver_is_missing_once_and_returns() -> None:
    watch = Watch()
    watch.run(range(5), "Camera", "Meter")
    watch.run(range(5, 6), "Meter")
    watch.now_s = 60 * 6 + 50  # 110 s after the last: the meter is one ahead, and may have been the last of the run
    watch.ready()
    assert watch.changes == []
    watch.run(range(6, 12), "Meter")
    missing = MissingSnapshot(series="10Hz/LA_Camera", front_end="LA", expected_start_ns=START_NS + 5 * MINUTE_NS)
    assert watch.changes == [missing]
    watch.run(range(12, 14), "Camera", "Meter")
    returned = ReturnedSnapshots(
        series="10Hz/LA_Camera",
        front_end="LA",
        expected_start_ns=START_NS + 5 * MINUTE_NS,
        start_ns=START_NS + 12 * MINUTE_NS,
    )
    assert watch.changes == [missing, returned]


def test_a_pause_of_the_laser_is_no_alarm() -> None:
    for laggard in range(2):  # not all stop and start in the same minute
        watch = Watch()
        watch.run(range(5), "Camera", "Meter", "Spectro")
        watch.run(range(5, 5 + laggard), "Meter")
        for _ in range(100):
            watch.step(wait_s=60)
        watch.run(range(120 - laggard, 120), "Meter")
        watch.run(range(120, 125), "Camera", "Meter", "Spectro")
        assert watch.changes == []


def test_the_other_arms_pause_is_no_alarm() -> None:
    watch = Watch()
    for minute in range(30):
        watch.now_s = 60 * (minute + 1)
        recorders = [("Camera", "LA"), ("Meter", "LA")] + ([("Camera", "LB"), ("Meter", "LB")] if minute < 10 else [])
        watch.step(*(name(minute, recorder, front_end) for recorder, front_end in recorders))
        watch.step(wait_s=6)
    assert watch.changes == []


def test_a_gap_that_is_given_up_is_told_with_its_end() -> None:
    watch = Watch()
    watch.run(range(5), "Camera", "Meter")
    watch.run(range(5, 6), "Meter")
    watch.run(range(6, 8), "Camera", "Meter")
    expected_ns = START_NS + 5 * MINUTE_NS
    assert watch.changes == [
        MissingSnapshot(series="10Hz/LA_Camera", front_end="LA", expected_start_ns=expected_ns),
        ReturnedSnapshots(
            series="10Hz/LA_Camera", front_end="LA", expected_start_ns=expected_ns, start_ns=expected_ns + MINUTE_NS
        ),
    ]


def test_a_late_snapshot_within_the_wait_is_no_gap() -> None:
    watch = Watch()
    watch.run(range(5), "Camera", "Meter")
    watch.step(name(5, "Meter"), name(6, "Camera"), name(6, "Meter"), wait_s=60)
    assert watch.step(name(5, "Camera"), wait_s=4) == [name(5, "Camera"), name(6, "Camera")]
    assert watch.changes == []


def test_gaps_are_found_from_names_alone_whatever_the_order() -> None:
    camera = [minute for minute in range(40) if minute not in {7, 20, 21} and not 25 <= minute < 35]
    meter = [minute for minute in range(40) if not 25 <= minute < 35]
    relatives = [name(m, "Camera") for m in camera] + [name(m, "Meter") for m in meter]
    seen = []
    for seed in range(5):
        random.Random(seed).shuffle(relatives)  # noqa: S311
        watch = Watch()
        watch.offer(*relatives)
        watch.sequence.flush()
        seen.append(watch.sequence.take_changes())
    assert all(changes == seen[0] for changes in seen)
    missing = [change for change in seen[0] if isinstance(change, MissingSnapshot)]
    assert [(one.series, (one.expected_start_ns - START_NS) // MINUTE_NS) for one in missing] == [
        ("10Hz/LA_Camera", 7),
        ("10Hz/LA_Camera", 20),
    ]  # the ten minutes in which nothing was recorded are a pause
    assert len(seen[0]) == 4


def test_a_lone_series_may_pause_but_not_skip_a_few() -> None:
    for gap, count in ((1, 1), (5, 1), (6, 0), (60, 0)):
        watch = Watch()
        watch.offer(*(name(minute) for minute in [*range(5), *range(5 + gap, 9 + gap)]))
        watch.sequence.flush()
        missing = [change for change in watch.sequence.take_changes() if isinstance(change, MissingSnapshot)]
        assert len(missing) == count, gap


def test_a_lone_series_that_is_always_expected_is_missing_when_silent() -> None:
    for settings, count in ((SequenceSettings(), 0), (SequenceSettings(always_expected=(SERIES,)), 1)):
        watch = Watch(settings)
        watch.run(range(5), "CameraComputer01-Recorder")
        last_s = watch.now_s - 6
        watch.now_s = last_s + 89
        watch.ready()
        assert watch.changes == []
        watch.now_s = last_s + 91
        watch.ready()
        watch.step(wait_s=1000)
        assert [type(change) for change in watch.changes] == [MissingSnapshot] * count


def test_a_series_that_is_not_regular_is_never_missing() -> None:
    watch = Watch()
    watch.run(range(2), "Camera")
    watch.run(range(20), "Meter")
    assert watch.changes == []
    minutes = [f"10Hz/LA_Fast_10s_snapshot_2022-07-01_09-{minute:02d}" for minute in range(9)]
    truncated = [f"{minute}_{letter}.h5" for minute in minutes for letter in "abcdef"]
    watch.offer(*truncated)  # six of a minute, whose seconds the recorder left out
    assert [one.item for one in watch.sequence.flush()] == truncated
    assert watch.sequence.take_changes() == []


def test_a_series_that_ended_long_ago_is_history() -> None:
    watch = Watch()
    watch.offer(*(name(minute, "Camera") for minute in range(5)))  # an archive that lies there at the start
    watch.offer(*(name(minute, "Meter") for minute in range(300)))
    watch.step(wait_s=5)
    for minute in range(300, 310):
        watch.step(name(minute, "Meter"), wait_s=60)
    assert watch.changes == []


def test_memory_is_bounded() -> None:
    watch = Watch(SequenceSettings(max_held=10, max_series=2))
    watch.offer(*(name(minute) for minute in reversed(range(0, 200, 2))))
    assert watch.sequence.held == 10
    passed = watch.ready()
    assert len(passed) == 90
    assert watch.step(name(300, "Second"), name(5, "Third")) == [name(5, "Third"), name(180)]  # a series too many
    assert len(watch.sequence.flush()) == 10
    for minute in range(300, 1000):
        watch.step(name(minute, "Second"), wait_s=60)
    assert len(encode_state(watch.sequence.state())) < 2 * 256 * 8 + 1000


def test_a_backlog_beyond_the_bound_comes_in_order() -> None:
    relatives = [name(minute, recorder) for minute in range(100) for recorder in ("Camera", "Meter")]
    watch = Watch(SequenceSettings(max_held=10))
    watch.offer(*relatives)
    assert watch.ready() + [one.item for one in watch.sequence.flush()] == relatives


def test_starts_are_read_in_the_recorders_zone() -> None:
    snapshot = parse_snapshot_name(PurePosixPath(name(0)))
    assert snapshot_start_ns(snapshot) == START_NS
    assert snapshot_start_ns(snapshot, ZoneInfo("Europe/Bucharest")) == parse_iso("2022-07-01T06:00:00Z")
    daily = parse_snapshot_name(PurePosixPath("2022-07-01.h5"))
    assert snapshot_start_ns(daily) == parse_iso("2022-07-01")


@pytest.mark.parametrize(
    ("relative", "end"),
    [
        (name(0), "2022-07-01T06:01:00Z"),
        ("2022-07-01.h5", "2022-07-01T21:00:00Z"),
        ("2022-03-27.h5", "2022-03-27T21:00:00Z"),  # a day of 23 hours
        ("10Hz/Camera_2022-07-01_09-00.h5", None),
        ("10Hz/2022-07-01/LA_Camera_60s_snapshot_one.h5", None),
        ("10Hz/2022-07-01/anything.h5", None),
    ],
)
def test_ends_are_read_in_the_recorders_zone(relative: str, end: str | None) -> None:
    snapshot = parse_snapshot_name(PurePosixPath(relative))
    assert snapshot_end_ns(snapshot, ZoneInfo("Europe/Bucharest")) == (None if end is None else parse_iso(end))


def test_over_midnight_and_new_folders_a_series_goes_on() -> None:
    relatives = [
        f"10Hz/2022-07-0{day}/LA_Camera_60s_snapshot_2022-07-0{day}_{time}-00-000.h5"
        for day, time in ((1, "23-57"), (1, "23-58"), (1, "23-59"), (2, "00-00"), (2, "00-01"))
    ]
    backwards = list(reversed(relatives))
    assert sorted(backwards, key=snapshot_order) == relatives
    watch = Watch()
    watch.offer(*relatives)
    assert watch.step(wait_s=5) == relatives
    assert watch.changes == []


@pytest.mark.parametrize(
    "wrong",
    [{"reorder_wait_s": -1.0}, {"missing_after_s": 0.0}, {"stale_after_s": 0.0}, {"peer_lead": 0}, {"max_held": 0}],
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    make: Callable[..., SequenceSettings] = SequenceSettings
    with pytest.raises(ValueError, match=r"is 0 or more|more than 0|at least 1"):
        make(**wrong)
