"""From values as they stand in a file to states and payloads of records: the one place that says what is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.records import DeviceState, Refusal

#: The values of one dataset, or why they can't be used.
Values = NDArray[Any] | Refusal

#: Names of the production dialect's datasets (the reference, section 2.1).
STATE, IMAGE, SPECTRUM = b"STATE", b"ROIImageLow", b"intensityFitted"
ENERGIES = (b"energy1Corrected", b"energy2Corrected")

#: A state is a word; longer texts are none of the known states.
MAX_STATE_BYTES = 64
_MAX_PIXEL = np.iinfo(np.uint16).max
#: The states by the texts that name them.
KNOWN_STATES = {state.name.encode(): state for state in DeviceState if state.name not in {"OTHER", "MISSING"}}


@dataclass(frozen=True, slots=True)
class Reading:
    """States and payloads of consecutive records of one device.

    Attributes
    ----------
    state, refusal
        uint8, shape (n,).
    parts
        Payloads of consecutive rows, together n: more than one where the length of a spectrum changes.
    """

    state: NDArray[np.uint8]
    refusal: NDArray[np.uint8]
    parts: Sequence[NDArray[Any]]


def parse_state(text: bytes) -> DeviceState:
    """The state that a text names, whatever its case and padding; a text ends at its first zero byte."""
    return KNOWN_STATES.get(text.partition(b"\0")[0].strip().upper(), DeviceState.OTHER)


def finish_reading(
    state: NDArray[np.uint8], refusal: NDArray[np.uint8], parts: Sequence[NDArray[Any]], unreadable: NDArray[np.bool_]
) -> Reading:
    """Put the refusals for the state first, and zero the rows of all refused records.

    Parameters
    ----------
    unreadable
        bool, shape (n,): the state is there but can't be read.
    """
    missing = state == DeviceState.MISSING
    refusal[missing] = np.where(unreadable[missing], Refusal.UNREADABLE, Refusal.STATE_MISSING)
    start = 0
    for part in parts:
        part[refusal[start : start + len(part)] != Refusal.NONE] = 0
        part.setflags(write=False)
        start += len(part)
    return Reading(state, refusal, parts)


def check_image_shape(shape: tuple[int, ...], expected: tuple[int, int]) -> Refusal:
    """Whether an image's declared shape is the expected one."""
    return Refusal.NONE if shape == expected else Refusal.WRONG_SHAPE


def check_spectrum_shape(shape: tuple[int, ...], max_samples: int) -> Refusal:
    """Whether a spectrum's declared shape is one-dimensional and not too long."""
    return Refusal.NONE if len(shape) == 1 and shape[0] <= max_samples else Refusal.WRONG_SHAPE


def check_energy_shape(shape: tuple[int, ...]) -> Refusal:
    """Whether there is an element 0: a scalar or a one-dimensional array that is not empty."""
    return Refusal.NONE if shape == () or (len(shape) == 1 and shape[0] >= 1) else Refusal.WRONG_SHAPE


def assemble_images(values: Sequence[Values], shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """One block of images from single ones: refusals and pixels."""
    refusal = np.zeros(len(values), dtype=np.uint8)
    pixels = np.zeros((len(values), *shape), dtype=np.uint16)
    for row, image in enumerate(values):
        if isinstance(image, Refusal):
            refusal[row] = image
        elif image.dtype == np.uint16:
            pixels[row] = image
        else:
            refusal[row : row + 1], pixels[row : row + 1] = convert_images(image[np.newaxis])
    return refusal, pixels


def convert_images(values: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Integers from 0 to 65,535, also when they are written as floats, to 16-bit pixels.

    Parameters
    ----------
    values
        Integers or floats, shape (n, rows, columns).

    Returns
    -------
    tuple[NDArray[np.uint8], NDArray[np.uint16]]
        Refusals (n,), and pixels of the shape of ``values``, undefined in refused rows.
    """
    refusal = np.zeros(len(values), dtype=np.uint8)
    flat = values.reshape(len(values), -1)
    if values.dtype.kind == "f":
        finite = np.isfinite(flat)
        flat = np.where(finite, flat, 0)
        refusal[(np.rint(flat) != flat).any(axis=1)] = Refusal.WRONG_TYPE
        refusal[~finite.all(axis=1)] = Refusal.NOT_FINITE
    outside = (flat.min(axis=1) < 0) | (flat.max(axis=1) > _MAX_PIXEL)
    refusal[outside & (refusal == Refusal.NONE)] = Refusal.OUT_OF_RANGE
    return refusal, np.clip(flat, 0, _MAX_PIXEL).astype(np.uint16).reshape(values.shape)


def assemble_energies(
    first: Sequence[Values], second: Sequence[Values]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Both readings of a meter from element 0 of its two datasets; one may be missing and is NaN then."""
    refusal = np.zeros(len(first), dtype=np.uint8)
    joules = np.full((len(first), 2), np.nan)
    for row, pair in enumerate(zip(first, second, strict=True)):
        wrong = [value for value in pair if isinstance(value, Refusal) and value is not Refusal.PAYLOAD_MISSING]
        if wrong:
            refusal[row] = wrong[0]
            continue
        for column, value in enumerate(pair):
            if not isinstance(value, Refusal):
                joules[row, column] = value
                if not np.isfinite(joules[row, column]):
                    refusal[row] = Refusal.NOT_FINITE
        if all(isinstance(value, Refusal) for value in pair):
            refusal[row] = Refusal.PAYLOAD_MISSING
    return refusal, joules


def assemble_spectra(values: Sequence[Values]) -> tuple[NDArray[np.uint8], list[NDArray[np.float64]]]:
    """Spectra of one device: refusals, and payloads cut wherever the number of samples changes.

    Refused records take the length of the spectrum before them, the first ones that of the first spectrum.
    """
    refusal = np.array([value if isinstance(value, Refusal) else Refusal.NONE for value in values], dtype=np.uint8)
    lengths = [-1 if isinstance(value, Refusal) else len(value) for value in values]
    length = next((known for known in lengths if known >= 0), 0)
    starts: list[tuple[int, int]] = []
    for row, known in enumerate(lengths):
        if row == 0 or known not in (-1, length):
            length = length if known < 0 else known
            starts.append((row, length))
    parts = []
    for (start, samples), (stop, _) in zip(starts, [*starts[1:], (len(values), 0)], strict=True):
        part = np.zeros((stop - start, samples))
        for row in range(start, stop):
            value = values[row]
            if not isinstance(value, Refusal):
                part[row - start] = value
        bad = ~np.isfinite(part).all(axis=1)
        refusal[start:stop][bad & (refusal[start:stop] == Refusal.NONE)] = Refusal.NOT_FINITE
        parts.append(part)
    return refusal, parts
