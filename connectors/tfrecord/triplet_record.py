"""One triplet as a record: image, energy and spectrum of a camera's shot, and where and when it was."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.tfrecord.example import Value, decode_example, encode_example
from models.devices import Device, Stage, parse_device
from models.event_time import SECOND_NS
from models.triplets.triplet_features import TRIPLET_FEATURES, FeatureType, stage_codes

_TYPES = {feature.name: feature.type for feature in TRIPLET_FEATURES}
_IMAGE_TYPE, _SPECTRUM_TYPE = np.dtype("<u2"), np.dtype("<f4")


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletRecord:
    """What is written of one camera's image.

    Attributes
    ----------
    image
        uint16, shape (102, 128), raw counts.
    spectrum
        Shape (samples,), arbitrary units; empty without a spectrometer.
    spectrometer
        Its name; empty without one.
    energy_j
        Mean of the stage's valid meters; NaN without one.
    event_time_ns, shot_ns
        Of the image and of the triplet, ns since 1970.
    interval_hz
        NaN when the folder names no rate.
    idle
        There was no beam.
    """

    camera: Device
    image: NDArray[np.uint16]
    spectrum: NDArray[Any]
    spectrometer: str
    energy_j: float
    event_time_ns: int
    shot_ns: int
    interval_hz: float
    idle: bool


def encode_triplet(record: TripletRecord, zone: tzinfo) -> bytes:
    """The record as a ``tf.train.Example`` with the features of ``TRIPLET_FEATURES``.

    Parameters
    ----------
    zone
        Time zone of the recorders: the date is theirs.
    """
    front, amp, arm = stage_codes(record.camera.stage)
    with np.errstate(over="ignore"):  # what is too large for 32 bits becomes infinite
        spectrum = record.spectrum.astype(_SPECTRUM_TYPE)
    values: dict[str, Value] = {
        "amp": (amp,),
        "arm": (arm,),
        "camera": record.camera.name.encode(),
        "date": date_of(record.event_time_ns, zone).encode(),
        "energymeter": (record.energy_j,),
        "front": (front,),
        "idle": (int(record.idle),),
        "image": record.image.astype(_IMAGE_TYPE).tobytes(),
        "image_shape": record.image.shape,
        "interval": (record.interval_hz,),
        "shot": (record.shot_ns,),
        "spectra": spectrum.tobytes(),
        "spectra_length": (len(record.spectrum),),
        "spectrometer": record.spectrometer.encode(),
        "timestamp": (record.event_time_ns,),
    }
    return encode_example({name: (_TYPES[name], value) for name, value in values.items()})


def date_of(event_time_ns: int, zone: tzinfo) -> str:
    """The date in a time zone, ``YYYY-MM-DD``."""
    return f"{datetime.fromtimestamp(event_time_ns // SECOND_NS, UTC).astimezone(zone):%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class TripletLabel:
    """Which triplet a record holds, without its image and spectrum."""

    stage: Stage
    camera: str
    date: str
    event_time_ns: int
    idle: bool


def label_of(data: bytes) -> TripletLabel:
    """Read which triplet a record holds.

    Raises
    ------
    ValueError
        When it is no record of a triplet: a feature is missing, of another type, or of another length.
    """
    values = decode_example(data)
    for feature in TRIPLET_FEATURES:
        type_, value = values.get(feature.name, (None, b""))
        if type_ is not feature.type or (type_ is not FeatureType.BYTES and len(value) != feature.values):
            raise ValueError(f"the feature {feature.name} is missing or of another type")
    rows, columns = _numbers(values, "image_shape")
    if len(_bytes(values, "image")) != rows * columns * _IMAGE_TYPE.itemsize:
        raise ValueError("the image has another size than its shape says")
    if len(_bytes(values, "spectra")) != _numbers(values, "spectra_length")[0] * _SPECTRUM_TYPE.itemsize:
        raise ValueError("the spectrum has another length than is said")
    camera = _bytes(values, "camera").decode()
    return TripletLabel(
        stage=parse_device(camera).stage,
        camera=camera,
        date=_bytes(values, "date").decode(),
        event_time_ns=_numbers(values, "timestamp")[0],
        idle=bool(_numbers(values, "idle")[0]),
    )


def _bytes(values: dict[str, tuple[FeatureType, Value]], name: str) -> bytes:
    value = values[name][1]
    return value if isinstance(value, bytes) else b""


def _numbers(values: dict[str, tuple[FeatureType, Value]], name: str) -> tuple[int, ...]:
    value = values[name][1]
    return () if isinstance(value, bytes) else tuple(int(number) for number in value)
