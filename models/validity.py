"""When a record counts (the reference, section 2.3), and the energy that is used of a meter's two readings."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.devices import RecordKind
from models.records import IMAGE_SHAPE, DeviceState, RecordBlock, Refusal

# No instrument reads more than this: it is garbage, and the squares of such numbers overflow.
_LARGEST_READING = 1e100


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityLimits:
    """The limits of the validity rules.

    Attributes
    ----------
    image_rows, image_columns
        The exact shape of a camera's image, in pixels.
    energy_over_j
        A reading counts as measured energy only above this, in joules.
    energy_up_to_j
        A meter's reading above this is out of range, in joules; one beyond 1e100 always is.
    spectrum_sum_over
        The samples of a spectrum sum to more than this, in the spectrometer's own units.
    spectrum_samples
        The exact number of samples of a spectrum; 0 accepts every number.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    image_rows: int = IMAGE_SHAPE[0]
    image_columns: int = IMAGE_SHAPE[1]
    energy_over_j: float = 0.0
    energy_up_to_j: float = math.inf
    spectrum_sum_over: float = 0.0
    spectrum_samples: int = 0

    def __post_init__(self) -> None:
        if self.image_rows < 1 or self.image_columns < 1:
            raise ValueError("image_rows and image_columns must be 1 or more")
        if not 0.0 <= self.energy_over_j < self.energy_up_to_j:
            raise ValueError("energy_over_j must be 0 or more and less than energy_up_to_j")
        if not self.spectrum_sum_over >= 0.0:
            raise ValueError("spectrum_sum_over must be 0 or more")
        if self.spectrum_samples < 0:
            raise ValueError("spectrum_samples must be 0 (any number) or more")


def judge(block: RecordBlock, limits: ValidityLimits) -> NDArray[np.uint8]:
    """Why each record of a block does not count: the state first, then what the reader found, then the payload.

    Returns
    -------
    NDArray[np.uint8]
        ``Refusal``, shape (n,); ``Refusal.NONE`` for a valid record.
    """
    payload_refusal = _PAYLOAD_RULES[block.device.kind](block.payload, limits)
    refusal = np.where(block.refusal != Refusal.NONE, block.refusal, payload_refusal)
    without_state = (block.state == DeviceState.MISSING) & (block.refusal != Refusal.UNREADABLE)
    refusal = np.where(without_state, Refusal.STATE_MISSING, refusal)
    not_on = (block.state != DeviceState.ON) & (block.state != DeviceState.MISSING)
    return np.where(not_on, Refusal.STATE_NOT_ON, refusal).astype(np.uint8)


def judge_images(block: RecordBlock, limits: ValidityLimits) -> NDArray[np.uint8]:
    """The same for a camera whose images are worked on: these have one shape and type, whatever the limits allow."""
    refusal = judge(block, limits)
    if not has_image_type(block):
        reason = Refusal.WRONG_TYPE if block.payload.shape[1:] == IMAGE_SHAPE else Refusal.WRONG_SHAPE
        refusal[refusal == Refusal.NONE] = reason
    return refusal


def has_image_type(block: RecordBlock) -> bool:
    """Whether the images of a camera's block are 102 x 128 pixels of uint16."""
    return block.payload.shape[1:] == IMAGE_SHAPE and block.payload.dtype == np.uint16


def energy_j(payload: NDArray[np.float64]) -> NDArray[np.float64]:
    """The energy that is used downstream (the reference, section 2.3).

    Parameters
    ----------
    payload
        float64, shape (n, 2): both readings in joules, NaN where a reading is missing.

    Returns
    -------
    NDArray[np.float64]
        Shape (n,), joules: the mean of both readings if both are positive, else the positive one, else NaN.
        An infinite reading is no energy.
    """
    first, second = payload[:, 0], payload[:, 1]
    first_counts = (first > 0.0) & (first < math.inf)
    second_counts = (second > 0.0) & (second < math.inf)
    # Halved before they are added: the sum of two large readings would overflow.
    both = np.multiply(first, 0.5, where=first_counts, out=np.zeros(len(payload)))
    both += np.multiply(second, 0.5, where=second_counts, out=np.zeros(len(payload)))
    one = np.where(first_counts, first, np.where(second_counts, second, math.nan))
    return np.where(first_counts & second_counts, both, one)


def _judge_images(payload: NDArray[Any], limits: ValidityLimits) -> NDArray[np.uint8]:
    right_shape = payload.shape[1:] == (limits.image_rows, limits.image_columns)
    return np.full(len(payload), Refusal.NONE if right_shape else Refusal.WRONG_SHAPE, dtype=np.uint8)


def _judge_energies(payload: NDArray[Any], limits: ValidityLimits) -> NDArray[np.uint8]:
    """A missing reading is NaN: only both missing, or an infinite one, are not finite."""
    refusal = np.zeros(len(payload), dtype=np.uint8)
    refusal[~(payload > limits.energy_over_j).any(axis=1)] = Refusal.NO_ENERGY
    too_large = (payload > limits.energy_up_to_j) | (np.abs(payload) > _LARGEST_READING)
    refusal[too_large.any(axis=1)] = Refusal.OUT_OF_RANGE
    refusal[np.isinf(payload).any(axis=1) | np.isnan(payload).all(axis=1)] = Refusal.NOT_FINITE
    return refusal


def _judge_spectra(payload: NDArray[Any], limits: ValidityLimits) -> NDArray[np.uint8]:
    """Sums the samples; earlier code counted them, and an all-zero spectrum passed (the reference, section 5)."""
    refusal = np.zeros(len(payload), dtype=np.uint8)
    largest, smallest = payload.max(axis=1, initial=0.0), payload.min(axis=1, initial=0.0)
    credible = (largest <= _LARGEST_READING) & (smallest >= -_LARGEST_READING)  # False for NaN
    sums = payload.sum(axis=1, where=credible[:, np.newaxis])
    refusal[~(sums > limits.spectrum_sum_over)] = Refusal.EMPTY_SPECTRUM
    odd = np.flatnonzero(~credible)
    refusal[odd] = np.where(np.isfinite(payload[odd]).all(axis=1), Refusal.OUT_OF_RANGE, Refusal.NOT_FINITE)
    if limits.spectrum_samples and payload.shape[1] != limits.spectrum_samples:
        refusal[:] = Refusal.WRONG_SHAPE
    return refusal


def _judge_others(payload: NDArray[Any], _: ValidityLimits) -> NDArray[np.uint8]:
    return np.zeros(len(payload), dtype=np.uint8)


_PAYLOAD_RULES = {
    RecordKind.CAMERA: _judge_images,
    RecordKind.ENERGY_METER: _judge_energies,
    RecordKind.SPECTROMETER: _judge_spectra,
    RecordKind.OTHER: _judge_others,
}
