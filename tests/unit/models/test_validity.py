"""When a record counts: one row of the table per rule and boundary."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.devices import NO_STAGE, Device, RecordKind
from models.records import IMAGE_SHAPE, DeviceState, RecordBlock, Refusal, SourceReference
from models.validity import ValidityLimits, energy_j, judge

LIMITS = ValidityLimits()
NAN, INF = math.nan, math.inf


def block(
    kind: RecordKind, payload: NDArray[Any], state: Any = DeviceState.ON, refusal: Any = Refusal.NONE
) -> RecordBlock:
    n = len(payload)
    return RecordBlock(
        device=Device("device", NO_STAGE, kind),
        source=SourceReference(file="f.h5", sha256="0" * 64),
        event_time_ns=np.arange(n, dtype=np.int64),
        state=np.broadcast_to(np.array(state, dtype=np.uint8), n),
        refusal=np.broadcast_to(np.array(refusal, dtype=np.uint8), n),
        payload=payload,
        hdf5_group=("g",) * n,
        interval_hz=10.0,
    )


def judged(block_: RecordBlock, limits: ValidityLimits = LIMITS) -> list[Refusal]:
    refusal = judge(block_, limits)
    assert refusal.dtype == np.uint8
    return [Refusal(value) for value in refusal]


@pytest.mark.parametrize(
    ("readings", "refusal", "energy"),
    [
        ((1.0, 3.0), Refusal.NONE, 2.0),
        ((1.0, 0.0), Refusal.NONE, 1.0),
        ((-1.0, 3.0), Refusal.NONE, 3.0),
        ((NAN, 3.0), Refusal.NONE, 3.0),
        ((3.0, NAN), Refusal.NONE, 3.0),
        ((5e-324, 0.0), Refusal.NONE, 5e-324),
        ((1e99, 1e99), Refusal.NONE, 1e99),
        ((1.7e308, 1.7e308), Refusal.OUT_OF_RANGE, 1.7e308),
        ((-1.7e308, 3.0), Refusal.OUT_OF_RANGE, 3.0),
        ((0.0, 0.0), Refusal.NO_ENERGY, NAN),
        ((-0.0, -2.0), Refusal.NO_ENERGY, NAN),
        ((NAN, 0.0), Refusal.NO_ENERGY, NAN),
        ((NAN, NAN), Refusal.NOT_FINITE, NAN),
        ((INF, 3.0), Refusal.NOT_FINITE, 3.0),
        ((-INF, 3.0), Refusal.NOT_FINITE, 3.0),
    ],
)
def test_energies(readings: tuple[float, float], refusal: Refusal, energy: float) -> None:
    payload = np.array([readings])
    assert judged(block(RecordKind.ENERGY_METER, payload)) == [refusal]
    np.testing.assert_array_equal(energy_j(payload), [energy])


def test_limits_of_energies() -> None:
    payload = np.array([[0.5, 0.1], [0.6, 0.1], [9.0, 9.1]])
    limits = ValidityLimits(energy_over_j=0.5, energy_up_to_j=9.0)
    assert judged(block(RecordKind.ENERGY_METER, payload), limits) == [
        Refusal.NO_ENERGY,
        Refusal.NONE,
        Refusal.OUT_OF_RANGE,
    ]


@pytest.mark.parametrize(
    ("samples", "refusal"),
    [
        ([0.0, 0.0, 0.0], Refusal.EMPTY_SPECTRUM),  # the earlier code counted the samples and let this pass
        ([1.0, -1.0, 0.0], Refusal.EMPTY_SPECTRUM),
        ([-1.0, 0.0, 0.0], Refusal.EMPTY_SPECTRUM),
        ([0.0, 1e-300, 0.0], Refusal.NONE),
        ([1e99, 1e99, 0.0], Refusal.NONE),
        ([1.7e308, 1.7e308, 0.0], Refusal.OUT_OF_RANGE),
        ([1.7e308, -1.7e308, 1.0], Refusal.OUT_OF_RANGE),
        ([1.7e308, NAN, 0.0], Refusal.NOT_FINITE),
        ([1.0, NAN, 1.0], Refusal.NOT_FINITE),
        ([1.0, INF, -INF], Refusal.NOT_FINITE),
    ],
)
def test_spectra(samples: list[float], refusal: Refusal) -> None:
    assert judged(block(RecordKind.SPECTROMETER, np.array([samples]))) == [refusal]


def test_limits_of_spectra() -> None:
    payload = np.array([[1.0, 1.0], [1.0, 1.5]])
    assert judged(block(RecordKind.SPECTROMETER, payload), ValidityLimits(spectrum_sum_over=2.0)) == [
        Refusal.EMPTY_SPECTRUM,
        Refusal.NONE,
    ]
    assert (
        judged(block(RecordKind.SPECTROMETER, payload), ValidityLimits(spectrum_samples=3)) == [Refusal.WRONG_SHAPE] * 2
    )
    assert judged(block(RecordKind.SPECTROMETER, np.empty((1, 0)))) == [Refusal.EMPTY_SPECTRUM]


def test_images_have_exactly_the_reference_shape() -> None:
    assert judged(block(RecordKind.CAMERA, np.zeros((2, *IMAGE_SHAPE), np.uint16))) == [Refusal.NONE] * 2
    assert judged(block(RecordKind.CAMERA, np.zeros((1, 128, 102), np.uint16))) == [Refusal.WRONG_SHAPE]
    small = ValidityLimits(image_rows=4, image_columns=5)
    assert judged(block(RecordKind.CAMERA, np.zeros((1, 4, 5), np.uint16)), small) == [Refusal.NONE]


@pytest.mark.parametrize("state", [s for s in DeviceState if s not in {DeviceState.ON, DeviceState.MISSING}])
def test_only_on_counts_whatever_else_is_wrong(state: DeviceState) -> None:
    payload = np.array([[1.0, 1.0], [0.0, 0.0], [NAN, NAN]])
    refusal = [Refusal.NONE, Refusal.NONE, Refusal.WRONG_TYPE]
    assert judged(block(RecordKind.ENERGY_METER, payload, state, refusal)) == [Refusal.STATE_NOT_ON] * 3


def test_what_the_reader_found_comes_before_the_payload() -> None:
    payload = np.zeros((3, 2))
    refusal = [Refusal.WRONG_SHAPE, Refusal.UNREADABLE, Refusal.NONE]
    assert judged(block(RecordKind.ENERGY_METER, payload, DeviceState.ON, refusal)) == [
        Refusal.WRONG_SHAPE,
        Refusal.UNREADABLE,
        Refusal.NO_ENERGY,
    ]
    assert judged(block(RecordKind.ENERGY_METER, payload, DeviceState.MISSING, refusal)) == [
        Refusal.STATE_MISSING,
        Refusal.UNREADABLE,
        Refusal.STATE_MISSING,
    ]


def test_other_devices_need_only_their_state() -> None:
    state = [DeviceState.ON, DeviceState.FAULT]
    assert judged(block(RecordKind.OTHER, np.empty((2, 0)), state)) == [Refusal.NONE, Refusal.STATE_NOT_ON]


@pytest.mark.parametrize("kind", RecordKind)
def test_an_empty_block(kind: RecordKind) -> None:
    shapes = {RecordKind.CAMERA: IMAGE_SHAPE, RecordKind.ENERGY_METER: (2,)}
    assert judged(block(kind, np.empty((0, *shapes.get(kind, (7,)))))) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_rows": 0},
        {"energy_over_j": -1.0},
        {"energy_over_j": 2.0, "energy_up_to_j": 2.0},
        {"energy_up_to_j": NAN},
        {"spectrum_sum_over": NAN},
        {"spectrum_samples": -1},
    ],
)
def test_limits_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        ValidityLimits(**wrong)
