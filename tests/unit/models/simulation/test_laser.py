import math

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.beam_library import load_beam_shapes
from models.devices import RecordKind, Stage, parse_device
from models.fault_kinds import FaultKind
from models.records import DeviceState, SourceReference
from models.simulation.faults import FaultLabel, plan_faults, shot_times_ns
from models.simulation.laser import LaserSimulator, stage_devices
from models.simulation.settings import SIMULATED_STAGES, ShapeSet, SimulationSettings

SHAPES = load_beam_shapes()


def simulator(**changed: object) -> LaserSimulator:
    return LaserSimulator(SimulationSettings(**{"minutes": 4, "hz": 1.0, "faults": False, **changed}), SHAPES)  # type: ignore[arg-type]


def with_fault(laser: LaserSimulator, kind: FaultKind, *, first: int, shots: int, device: int = 0) -> FaultLabel:
    """Put one strong fault into the first stage."""
    times = shot_times_ns(laser.settings, range(first, first + shots))
    label = FaultLabel(
        number=0,
        device=laser.devices(0)[device],
        kind=kind,
        severity=5 / 6,
        first_shot=first,
        shots=shots,
        first_shot_ns=int(times[0]),
        last_shot_ns=int(times[-1]),
    )
    laser.labels = (label,)
    return label


def beam_sums(images: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Light above the border's level."""
    rows = np.sort(images[:, [0, 1, 2, 3, -4, -3, -2, -1]].reshape(len(images), -1), axis=1)
    border = rows[:, 100:-100].mean(1)  # without the hot pixels
    sums: NDArray[np.float64] = (images - border[:, None, None]).sum((1, 2))
    return sums


def test_any_minute_of_any_camera_can_be_made_alone_and_in_any_order() -> None:
    one, other = simulator(stages=2, cameras_per_stage=2), simulator(stages=2, cameras_per_stage=2)
    forwards = [one.images(stage, camera, minute) for stage in (0, 1) for camera in (0, 1) for minute in (1, 2)]
    backwards = [other.images(stage, camera, minute) for stage in (1, 0) for camera in (1, 0) for minute in (2, 1)]

    for first, second in zip(forwards, reversed(backwards), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(simulator(stages=2, cameras_per_stage=2).images(1, 1, 2), forwards[-1])


def test_more_stages_or_minutes_change_nothing_that_was_there() -> None:
    few, many = simulator(), simulator(stages=6, minutes=30)

    np.testing.assert_array_equal(few.images(0, 0, 2), many.images(0, 0, 2))


def test_cameras_minutes_and_seeds_differ() -> None:
    laser = simulator(stages=2)

    assert (laser.images(0, 0, 1) != laser.images(0, 0, 2)).mean() > 0.5
    assert (laser.images(0, 0, 1) != laser.images(1, 0, 1)).mean() > 0.5
    assert (laser.images(0, 0, 1) != simulator(seed=2).images(0, 0, 1)).mean() > 0.5


@pytest.mark.parametrize("shapes", ShapeSet)
def test_normal_beams_peak_between_half_and_full_scale_and_stay_off_the_border(shapes: ShapeSet) -> None:
    laser = simulator(stages=12, shapes=shapes, minutes=3)
    for stage in range(12):
        images = laser.images(stage, 0, 2)
        peaks = np.percentile(images, 99.95, axis=(1, 2))
        assert images.dtype == np.uint16
        assert images.max() <= 4092
        assert peaks.min() > 0.4 * 4092
        assert peaks.max() < 0.92 * 4092
        border = np.concatenate([images[:, :3].ravel(), images[:, -3:].ravel()])
        assert np.median(border) < 80


def test_without_beam_all_is_dark_and_on() -> None:
    laser = simulator()
    camera, meter, spectrometer = laser.minute(0, 0).values()

    assert np.median(camera.payload) < 80
    assert beam_sums(camera.payload).max() < 0.01 * beam_sums(laser.images(0, 0, 1)).min()
    assert not meter.payload.any()
    assert not spectrometer.payload.any()
    for recorded in (camera, meter, spectrometer):
        assert (recorded.state == DeviceState.ON).all()


def test_a_few_pixels_are_hot() -> None:
    pedestal = np.median(simulator().images(0, 0, 0), axis=0)

    assert 4 <= np.count_nonzero(pedestal > np.median(pedestal) + 50) <= 10


def test_brightness_follows_the_energy_and_both_readings_agree() -> None:
    recorded = simulator(hz=10.0, minutes=3).minute(0, 1)
    camera, meter, _ = recorded.values()
    energy = meter.payload.mean(1)

    assert np.corrcoef(beam_sums(camera.payload), energy)[0, 1] > 0.8
    assert 0.007 < energy.std() / energy.mean() < 0.015
    assert 270 < energy.mean() < 345
    ratio = meter.payload[:, 0] / meter.payload[:, 1]
    assert ratio.std() < 0.004
    assert abs(ratio.mean() - 1) < 0.02


def test_shots_jitter_and_drift_slowly() -> None:
    laser = simulator(hz=10.0, minutes=40)
    x = np.arange(128)

    def centroids(minute: int) -> NDArray[np.float64]:
        images = laser.images(0, 0, minute).astype(float)
        images -= np.median(images[:, :4], axis=(1, 2))[:, None, None]
        images[images < 60] = 0
        places: NDArray[np.float64] = (images.sum(1) @ x) / images.sum((1, 2))
        return places

    early, late = centroids(1), centroids(31)
    assert 0.1 < early.std() < 1.0
    assert abs(early.mean() - late.mean()) > 0.1


def test_a_spectrum_has_light_and_no_two_are_the_same() -> None:
    spectra = simulator().recording(0, 1, simulator().devices(0)[2]).payload

    assert spectra.shape == (60, 2047)
    assert spectra.min() >= 0
    assert spectra.sum(1).min() > 0
    assert len(np.unique(spectra, axis=0)) == 60


def test_a_stuck_camera_shows_the_frame_before_it() -> None:
    laser = simulator()
    with_fault(laser, FaultKind.STUCK_FRAME, first=70, shots=3)
    images = laser.images(0, 0, 1)

    assert (images[9:13] == images[9]).all()
    assert (images[13] != images[9]).any()
    np.testing.assert_array_equal(images[9], simulator().images(0, 0, 1)[9])


def test_a_stuck_frame_may_come_from_the_minute_before() -> None:
    laser = simulator(hz=1 / 60, minutes=10)
    with_fault(laser, FaultKind.STUCK_FRAME, first=5, shots=1)

    np.testing.assert_array_equal(laser.images(0, 0, 5), laser.images(0, 0, 4))
    assert (laser.images(0, 0, 4) != laser.images(0, 0, 6)).any()


def test_a_missing_beam_is_dark_on_the_camera_alone() -> None:
    laser = simulator()
    with_fault(laser, FaultKind.MISSING_BEAM, first=70, shots=2)
    camera, meter, _ = laser.minute(0, 1).values()
    sums = beam_sums(camera.payload)

    assert sums[10:12].max() < 0.01 * np.delete(sums, [10, 11]).min()
    assert meter.payload.min() > 200


def test_an_energy_drop_shows_on_meter_camera_and_spectrum() -> None:
    laser, normal = simulator(), simulator().minute(0, 1)
    label = with_fault(laser, FaultKind.ENERGY_DROP, first=70, shots=2, device=1)
    for device, recorded in laser.minute(0, 1).items():
        plain = normal[device].payload
        if device.kind is RecordKind.CAMERA:
            ratio = beam_sums(recorded.payload) / beam_sums(plain)
        else:
            ratio = recorded.payload.sum(1) / plain.sum(1)
        assert ratio[10:12] == pytest.approx([1 - label.magnitude] * 2, rel=0.02)
        assert np.delete(ratio, [10, 11]) == pytest.approx(np.ones(58))


def test_an_energy_spike_shows_on_the_meter_alone() -> None:
    laser, normal = simulator(), simulator().minute(0, 1)
    label = with_fault(laser, FaultKind.ENERGY_SPIKE, first=70, shots=2, device=1)
    camera, meter, spectrometer = laser.devices(0)
    recorded = laser.minute(0, 1)

    assert (recorded[meter].payload / normal[meter].payload)[10:12] == pytest.approx(
        np.full((2, 2), 1 + label.magnitude)
    )
    np.testing.assert_array_equal(recorded[camera].payload, normal[camera].payload)
    np.testing.assert_array_equal(recorded[spectrometer].payload, normal[spectrometer].payload)


def test_a_bandwidth_drop_narrows_the_spectrum_and_keeps_its_energy() -> None:
    laser = simulator()
    label = with_fault(laser, FaultKind.BANDWIDTH_DROP, first=70, shots=2, device=2)
    spectra = laser.recording(0, 1, laser.devices(0)[2]).payload
    samples = np.arange(2047)
    centres = (spectra @ samples) / spectra.sum(1)
    widths = np.sqrt((spectra * (samples - centres[:, None]) ** 2).sum(1) / spectra.sum(1))

    assert widths[10:12].max() < (1 - label.magnitude) * 1.15 * np.delete(widths, [10, 11]).min()
    assert spectra.sum(1)[10:12] == pytest.approx(np.delete(spectra.sum(1), [10, 11]).mean(), rel=0.05)


def test_a_missing_record_is_not_there_and_a_fault_is_not_on() -> None:
    laser = simulator()
    with_fault(laser, FaultKind.MISSING_RECORD, first=70, shots=2, device=2)
    spectrometer = laser.recording(0, 1, laser.devices(0)[2])
    assert len(spectrometer.event_time_ns) == len(spectrometer.payload) == len(spectrometer.state) == 58
    assert laser.labels[0].first_shot_ns not in spectrometer.event_time_ns

    with_fault(laser, FaultKind.STATE_FAULT, first=70, shots=2, device=0)
    camera = laser.recording(0, 1, laser.devices(0)[0])
    assert np.flatnonzero(camera.state == DeviceState.FAULT).tolist() == [10, 11]


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.HOT_SPOT,
        FaultKind.DARK_SPOT,
        FaultKind.CLIPPED,
        FaultKind.POINTING_JUMP,
        FaultKind.DOUBLE_BEAM,
        FaultKind.FRINGES,
        FaultKind.RINGS,
        FaultKind.ROW_SHIFT,
        FaultKind.SATURATION,
        FaultKind.ASTIGMATISM,
    ],
)
def test_an_image_fault_changes_its_frames_and_no_others(kind: FaultKind) -> None:
    laser, normal = simulator(), simulator().images(0, 0, 1).astype(float)
    with_fault(laser, kind, first=70, shots=40)  # over the border of the chunks in which frames are made
    difference = np.abs(laser.images(0, 0, 1) - normal).max((1, 2))

    assert np.flatnonzero(difference).tolist() == list(range(10, 50))
    assert difference[10:50].min() > 200


def test_a_hot_spot_has_the_stated_part_of_the_peak() -> None:
    laser, normal = simulator(), simulator().images(0, 0, 1).astype(float)
    with_fault(laser, FaultKind.HOT_SPOT, first=70, shots=10)
    added = (laser.images(0, 0, 1) - normal)[10:20].mean(0)
    peak = np.percentile(normal[10:20].mean(0), 99.95) - np.median(normal)

    assert added.max() / peak == pytest.approx(0.6, abs=0.1)


def test_a_saturated_image_reaches_full_scale_over_an_area() -> None:
    laser = simulator()
    with_fault(laser, FaultKind.SATURATION, first=70, shots=1)

    assert np.count_nonzero(laser.images(0, 0, 1)[10] == 4092) > 200


def test_labels_are_those_of_the_plan() -> None:
    settings = SimulationSettings(minutes=6, stages=2)
    laser = LaserSimulator(settings, SHAPES)

    assert laser.labels == plan_faults(settings, [laser.devices(0), laser.devices(1)])
    document = laser.labels_document()
    assert {key: document[key] for key in ("date", "hz", "minutes")} == {"date": "2022-07-01", "hz": 10.0, "minutes": 6}
    assert len(document["labels"]) == len(laser.labels) > 0


def test_blocks_hold_the_whole_minute_as_a_reader_would_hand_it_over() -> None:
    laser = simulator()
    recorded = laser.recording(0, 1, laser.devices(0)[0])
    blocks = list(recorded.blocks(SourceReference(file="a", sha256="b"), 1.0, records=32))

    assert [len(block) for block in blocks] == [32, 28]
    np.testing.assert_array_equal(np.concatenate([block.payload for block in blocks]), recorded.payload)
    assert blocks[1].hdf5_group[0] == "/09-31-32-000/LA_A3_31-Camera_1-Camera-1"
    assert not blocks[0].payload.flags.writeable


def test_device_names_say_the_stage_that_they_are_of() -> None:
    for stage in SIMULATED_STAGES:
        for device in stage_devices(stage, 100):
            assert parse_device(device.name) == device
            assert device.stage == stage
    assert len({device.name for device in stage_devices(Stage("LA", "A1", "12"), 100)}) == 102


def test_an_empty_set_of_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the"):
        LaserSimulator(SimulationSettings(shapes=ShapeSet.PROOF), {"t-hene": SHAPES["t-hene"]})


def test_energies_are_typical_of_their_amplifiers() -> None:
    laser = simulator(stages=6)
    for index, stage in enumerate(laser.stages):
        energy_j = laser.recording(index, 1, laser.devices(index)[1]).payload.mean()
        assert math.isclose(energy_j, {"FE": 0.02, "A1": 3.5, "A2": 30, "A3": 300}[stage.amp], rel_tol=0.15)
