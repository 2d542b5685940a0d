"""The figures of beams that dashboards show, read back through Prometheus' own parser."""

from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from models.devices import Stage, parse_device
from models.event_time import SECOND_NS
from models.records import Refusal, SourceReference
from models.results import FEATURE_NAMES, Admission, ScoredBlock, Scoring
from models.triplets.decided import TripletTable
from streams.measurement_metrics import SILENT_AFTER_S, MeasurementMetrics
from streams.metrics import WatchMetrics
from tests.support.manual_clock import ManualClock

CAMERA, METER, SPECTROMETER = "LA_A3_32-Camera_1-Camera-1", "LA_A3_32-EnergyMeter_1-x", "LA_A3_32-Spectro_1-x"
OF = "device={},stage=LA-A3-32"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry, clock: ManualClock) -> MeasurementMetrics:
    return MeasurementMetrics(registry, clock, guard_sigmas=5.0)


def read(registry: CollectorRegistry) -> dict[str, float]:
    """Every sample as ``name{label=value,...}``."""
    samples = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}"] = sample.value
    return samples


def figures(registry: CollectorRegistry) -> dict[str, float]:
    """Those of devices."""
    return {name: value for name, value in read(registry).items() if "device=" in name}


def block(name: str, seconds: list[float], scores: list[float] | None = None, **columns: list[float]) -> ScoredBlock:
    """Shots at these seconds; features that are not named are 0."""
    device, n = parse_device(name), len(seconds)
    features = np.zeros((n, len(FEATURE_NAMES[device.kind])))
    for column, values in columns.items():
        features[:, FEATURE_NAMES[device.kind].index(column)] = values
    return ScoredBlock(
        device=device,
        source=SourceReference(file="a.h5", sha256="00"),
        event_time_ns=(np.array(seconds) * SECOND_NS).astype(np.int64),
        state=np.zeros(n, np.uint8),
        refusal=np.zeros(n, np.uint8),
        admission=np.zeros(n, np.uint8),
        fires=np.ones(n, np.bool_),
        scoring=np.full(n, Scoring.SCORED, np.uint8),
        score=np.array(scores if scores is not None else [0.0] * n, np.float32),
        anomalous=np.zeros(n, np.bool_),
        reasons=np.zeros(n, np.uint32),
        features=features,
        interval_hz=10.0,
    )


def test_a_camera_shows_its_latest_shot(metrics: MeasurementMetrics, registry: CollectorRegistry) -> None:
    metrics.scored(
        block(
            CAMERA,
            [1.0, 1.1],
            [0.5, 2.5],
            centroid_x_px=[60, 61],
            centroid_y_px=[50, 51],
            d4sigma_major_px=[40, 41],
            d4sigma_minor_px=[30, 31],
            pixel_sum_counts=[1e6, 2e6],
            hot_spot_contrast=[1.5, 1.25],
            moments_distance=[1.0, 4.0],
        )
    )
    of = OF.format(CAMERA)
    assert figures(registry) == {
        f"petawatch_device_score{{{of.replace(',', ',kind=camera,')}}}": 2.5,
        f"petawatch_device_score_max{{{of.replace(',', ',kind=camera,')}}}": 2.5,
        f"petawatch_beam_centroid_pixels{{axis=x,{of}}}": 61,
        f"petawatch_beam_centroid_pixels{{axis=y,{of}}}": 51,
        f"petawatch_beam_width_pixels{{axis=major,{of}}}": 41,
        f"petawatch_beam_width_pixels{{axis=minor,{of}}}": 31,
        f"petawatch_beam_sum_counts{{{of}}}": 2e6,
        f"petawatch_beam_hot_spot_contrast{{{of}}}": 1.25,
        f"petawatch_beam_moments_distance{{{of}}}": 4.0,
    }


def test_a_meter_shows_raw_and_smoothed_energy_and_counts_what_the_guard_rejected(
    metrics: MeasurementMetrics, registry: CollectorRegistry
) -> None:
    metrics.scored(block(METER, [1, 2, 3], energy_j=[10, 11, 12], energy_smooth_j=[np.nan] * 3, energy_z=[0, -5.5, 5]))
    metrics.scored(block(METER, [4, 5], energy_j=[13, 99], energy_smooth_j=[10, 10.5], energy_z=[np.nan, 80]))
    of = OF.format(METER)
    assert figures(registry) == {
        f"petawatch_energy_joules{{{of}}}": 99,
        f"petawatch_energy_smoothed_joules{{{of}}}": 10.5,
        f"petawatch_energy_guard_rejections_total{{{of}}}": 2,
    }


def test_a_spectrometer_shows_bandwidth_centre_and_largest_score(
    metrics: MeasurementMetrics, registry: CollectorRegistry
) -> None:
    metrics.scored(block(SPECTROMETER, [1], [3.0], spectrum_fwhm=[120.0], spectrum_centre=[510.0]))
    of = OF.format(SPECTROMETER)
    assert figures(registry) == {
        f"petawatch_spectrum_bandwidth_samples{{{of}}}": 120,
        f"petawatch_spectrum_centre_samples{{{of}}}": 510,
        f"petawatch_device_score_max{{{of.replace(',', ',kind=spectrometer,')}}}": 3,
    }


@pytest.mark.parametrize(
    ("blocks", "largest"),
    [
        ([([100.0, 100.5, 101.0], [9.0, 1.0, 2.0])], 9.0),
        ([([100.9, 159.9], [9.0, 2.0])], 9.0),  # the sixtieth second still counts
        ([([100.9, 160.0], [9.0, 2.0])], 2.0),
        ([([100.0], [9.0]), ([105.0], [1.0]), ([159.0], [2.0])], 9.0),
        ([([100.0], [9.0]), ([160.0], [1.0])], 1.0),
        ([([100.0], [9.0]), ([100.5], [1.0])], 9.0),
        ([([100.0], [3.0]), ([5000.0], [1.0])], 1.0),
        ([([100.0, 101.0], [float("inf"), 1.0])], 1.0),
    ],
)
def test_the_largest_score_is_that_of_a_minute(
    metrics: MeasurementMetrics,
    registry: CollectorRegistry,
    blocks: list[tuple[list[float], list[float]]],
    largest: float,
) -> None:
    for seconds, scores in blocks:
        metrics.scored(block(CAMERA, seconds, scores))
    assert read(registry)[f"petawatch_device_score_max{{{OF.format(CAMERA).replace(',', ',kind=camera,')}}}"] == largest


def test_what_is_no_valid_shot_in_its_turn_shows_nothing(
    metrics: MeasurementMetrics, registry: CollectorRegistry
) -> None:
    shot = block(METER, [1], energy_j=[10.0])
    for odd in (
        {"fires": np.array([False])},
        {"admission": np.array([Admission.LATE], np.uint8)},
        {"admission": np.array([Admission.DUPLICATE], np.uint8)},
        {"refusal": np.array([Refusal.OUT_OF_RANGE], np.uint8)},
        {"replacement": True},
    ):
        metrics.scored(replace(shot, **odd))
    metrics.scored(block("LA_A3_32-Oscilloscope_1-x", [1]))
    assert figures(registry) == {}


def test_a_figure_that_is_not_known_keeps_its_latest_value(
    metrics: MeasurementMetrics, registry: CollectorRegistry
) -> None:
    metrics.scored(block(SPECTROMETER, [1], spectrum_fwhm=[120.0], spectrum_centre=[510.0]))
    metrics.scored(block(SPECTROMETER, [2], spectrum_fwhm=[np.nan], spectrum_centre=[520.0]))
    samples = read(registry)
    assert samples[f"petawatch_spectrum_bandwidth_samples{{{OF.format(SPECTROMETER)}}}"] == 120
    assert samples[f"petawatch_spectrum_centre_samples{{{OF.format(SPECTROMETER)}}}"] == 520


def test_the_figures_of_a_silent_device_go_and_its_counter_stays(
    metrics: MeasurementMetrics, registry: CollectorRegistry, clock: ManualClock
) -> None:
    metrics.scored(block(METER, [1], energy_j=[10.0], energy_z=[7.0]))
    clock.advance(SILENT_AFTER_S + 1)
    assert figures(registry) == {f"petawatch_energy_guard_rejections_total{{{OF.format(METER)}}}": 1}
    metrics.scored(block(METER, [2], energy_j=[11.0]))
    assert read(registry)[f"petawatch_energy_joules{{{OF.format(METER)}}}"] == 11


def test_the_shots_of_a_stage_begin_at_zero_with_its_first_device(
    metrics: MeasurementMetrics, registry: CollectorRegistry
) -> None:
    metrics.scored(block(METER, [1], energy_j=[10.0]))
    metrics.scored(block("EnergyMeter_1", [1], energy_j=[10.0]))  # of no stage
    shots = {name: value for name, value in read(registry).items() if "triplet_shots" in name}
    assert shots == {
        f"petawatch_triplet_shots_total{{result={result},stage=LA-A3-32}}": 0
        for result in ("complete", "incomplete", "idle")
    }


def test_shots_of_stages_are_counted(metrics: MeasurementMetrics, registry: CollectorRegistry) -> None:
    table = TripletTable(
        stage=Stage("LA", "A3", "32"),
        event_time_ns=np.arange(6),
        idle=np.array([False, False, False, False, True, True]),
        complete=np.array([True, True, True, False, False, False]),
        missing_kinds=np.zeros(6, np.uint8),
        missing_devices=("",) * 6,
        devices=np.zeros(6, np.uint16),
        score=np.zeros(6, np.float32),
        anomalous=np.zeros(6, np.bool_),
        reasons=np.zeros(6, np.uint32),
        energy_j=np.zeros(6),
        interval_hz=np.zeros(6),
    )
    metrics.triplets([table, table])
    samples = read(registry)
    counted = {
        result: samples[f"petawatch_triplet_shots_total{{result={result},stage=LA-A3-32}}"]
        for result in ("complete", "incomplete", "idle")
    }
    assert counted == {"complete": 6, "incomplete": 2, "idle": 4}


def test_devices_of_hostile_names_are_bounded_in_number_and_length(
    metrics: MeasurementMetrics, registry: CollectorRegistry
) -> None:
    for number in range(700):
        metrics.scored(block(f"LA_A3_32-Camera_{number}-{'x' * 300}\udc80", [1], [1.0], centroid_x_px=[1.0]))
    names = {name for name in read(registry) if name.startswith("petawatch_device_score{")}
    assert len(names) == 500
    assert all(len(name) < 300 for name in names)


def test_the_watch_shows_them_with_at_most_ten_series_of_a_camera(clock: ManualClock) -> None:
    watch = WatchMetrics(clock)
    for name, most in ((CAMERA, 10), (METER, 4), (SPECTROMETER, 4), ("LA_A3_32-Oscilloscope_1-x", 2)):
        watch.scored(block(name, [1, 2], [1.0, 2.0]))
        assert 1 <= sum(f"device={name}" in sample for sample in read(watch.registry)) <= most
