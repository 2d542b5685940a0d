import itertools

import pytest

from models.devices import Device, RecordKind
from models.event_time import MINUTE_NS
from models.fault_kinds import FaultKind
from models.simulation.faults import ALL_OR_NOTHING, first_fault_shot, magnitude, plan_faults, shot_times_ns
from models.simulation.laser import stage_devices
from models.simulation.settings import SIMULATED_STAGES, Dialect, SimulationSettings


def rosters(settings: SimulationSettings) -> list[tuple[Device, ...]]:
    return [stage_devices(stage, settings.cameras_per_stage) for stage in SIMULATED_STAGES[: settings.stages]]


@pytest.mark.parametrize(
    ("kind", "mild", "medium", "strong"),
    [
        (FaultKind.HOT_SPOT, 0.10, 0.25, 0.60),
        (FaultKind.FRINGES, 0.04, 0.10, 0.30),
        (FaultKind.RINGS, 0.05, 0.12, 0.30),
    ],
)
def test_severities_mean_what_the_measurements_said(kind: FaultKind, mild: float, medium: float, strong: float) -> None:
    assert [magnitude(kind, severity) for severity in (1 / 6, 1 / 2, 5 / 6)] == pytest.approx([mild, medium, strong])


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - ALL_OR_NOTHING))
def test_more_severe_is_stronger(kind: FaultKind) -> None:
    values = [magnitude(kind, severity / 20) for severity in range(21)]

    assert values == sorted(values)
    assert len(set(values)) == len(values)


def test_a_test_day_holds_every_kind_mild_medium_and_strong() -> None:
    settings = SimulationSettings(minutes=12, stages=4)
    labels = plan_faults(settings, rosters(settings))

    seen = {(label.kind, min(int(label.severity * 3), 2)) for label in labels}
    assert seen == set(itertools.product(FaultKind, range(3)))
    assert any(label.shots == 1 for label in labels)
    assert 20 <= max(label.shots for label in labels) <= 40


def test_nothing_happens_while_cameras_learn() -> None:
    settings = SimulationSettings(minutes=20, hz=1.0)
    labels = plan_faults(settings, rosters(settings))

    assert labels
    assert min(label.first_shot for label in labels) >= 60 + 400


def test_faults_of_a_stage_leave_normal_stretches_between_them() -> None:
    settings = SimulationSettings(minutes=12, stages=3, cameras_per_stage=5)
    labels = plan_faults(settings, rosters(settings))

    for stage in SIMULATED_STAGES[:3]:
        own = [label for label in labels if label.device.stage == stage]
        assert 25 <= len(own) <= 30
        for before, after in itertools.pairwise(own):
            assert after.first_shot - (before.first_shot + before.shots) >= 50
        assert sum(label.shots for label in own) < 0.1 * 12 * 600


def test_each_kind_befalls_a_device_that_can_have_it() -> None:
    settings = SimulationSettings(minutes=60, stages=2, cameras_per_stage=2)
    for label in plan_faults(settings, rosters(settings)):
        if label.kind in {FaultKind.MISSING_RECORD, FaultKind.STATE_FAULT}:
            continue
        expected = {
            FaultKind.ENERGY_DROP: RecordKind.ENERGY_METER,
            FaultKind.ENERGY_SPIKE: RecordKind.ENERGY_METER,
            FaultKind.BANDWIDTH_DROP: RecordKind.SPECTROMETER,
        }.get(label.kind, RecordKind.CAMERA)
        assert label.device.kind is expected


def test_another_seed_gives_other_faults_and_none_gives_none() -> None:
    settings = SimulationSettings()
    other = SimulationSettings(seed=2)

    assert plan_faults(settings, rosters(settings)) == plan_faults(settings, rosters(settings))
    assert plan_faults(settings, rosters(settings)) != plan_faults(other, rosters(other))
    assert plan_faults(SimulationSettings(faults=False), rosters(settings)) == ()


def test_a_longer_run_has_the_faults_of_a_shorter_one_and_more() -> None:
    short, long = SimulationSettings(minutes=8), SimulationSettings(minutes=30)
    few, many = plan_faults(short, rosters(short)), plan_faults(long, rosters(long))

    assert 0 < len(few) < len(many)
    assert many[: len(few)] == few
    assert few[0].first_shot >= first_fault_shot(short) == 1200


def test_the_label_is_written_as_documented() -> None:
    settings = SimulationSettings()
    label = next(label for label in plan_faults(settings, rosters(settings)) if label.shots > 1)
    document = label.document()

    assert set(document) == {"stage", "device", "kind", "severity", "shots", "date", "t_first", "t_last"}
    assert document["date"] == "2022-07-01"
    assert document["stage"] == [label.device.stage.front_end, label.device.stage.amp, label.device.stage.arm]
    assert label.last_shot_ns - label.first_shot_ns == (label.shots - 1) * 100_000_000
    tenths = label.first_shot
    assert document["t_first"] == f"09-{30 + tenths // 600:02d}-{tenths // 10 % 60:02d}-{tenths % 10}00"


def test_times_are_whole_milliseconds_and_tenths_of_a_second_in_the_test_period() -> None:
    settings = SimulationSettings(hz=3.0)
    assert [time % 1_000_000_000 // 1_000_000 for time in shot_times_ns(settings, range(4))] == [0, 333, 666, 0]
    day = SimulationSettings(hz=3.0, dialect=Dialect.TEST)
    assert [time % 1_000_000_000 // 1_000_000 for time in shot_times_ns(day, range(4))] == [0, 300, 600, 0]
    assert shot_times_ns(day, range(180, 181))[0] - day.start_ns == MINUTE_NS


def test_the_test_period_has_only_faults_that_its_files_can_show() -> None:
    settings = SimulationSettings(minutes=30, stages=1, dialect=Dialect.TEST)
    kinds = {label.kind for label in plan_faults(settings, rosters(settings))}

    assert FaultKind.HOT_SPOT in kinds
    assert not kinds & {FaultKind.MISSING_RECORD, FaultKind.STATE_FAULT, FaultKind.BANDWIDTH_DROP}
