"""What a written triplet holds: the names, types and units of its features, and the numbers that stand for its stage.

The names and codes are those of the reference, section 3.7; shapes, shot, idle, camera and spectrometer are added.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.devices import Stage
from models.records import IMAGE_SHAPE


class FeatureType(StrEnum):
    """How the values of a feature are stored."""

    BYTES = "bytes"
    FLOAT32 = "float32"
    INT64 = "int64"


@dataclass(frozen=True, slots=True)
class TripletFeature:
    """One feature.

    Attributes
    ----------
    values
        How many values each record has.
    unit
        Of each value; empty for texts and codes.
    """

    name: str
    type: FeatureType
    values: int
    unit: str
    meaning: str


_ROWS, _COLUMNS = IMAGE_SHAPE

#: The features of every record, by name.
TRIPLET_FEATURES: tuple[TripletFeature, ...] = (
    TripletFeature("amp", FeatureType.INT64, 1, "", "FE 0, A1 1, A2 2, A3 3, behind the amplifiers -1"),
    TripletFeature("arm", FeatureType.INT64, 1, "", "11 and 31: 1, 12 and 32: 2, else 0"),
    TripletFeature("camera", FeatureType.BYTES, 1, "", "the camera's name, UTF-8"),
    TripletFeature("date", FeatureType.BYTES, 1, "", "YYYY-MM-DD by the recorders' clock"),
    TripletFeature("energymeter", FeatureType.FLOAT32, 1, "J", "mean of the stage's valid meters; NaN without one"),
    TripletFeature("front", FeatureType.INT64, 1, "", "LA 1, LB 2"),
    TripletFeature("idle", FeatureType.INT64, 1, "", "1: a shot without beam, for the camera's dark profile"),
    TripletFeature(
        "image", FeatureType.BYTES, 1, "counts", f"uint16, little endian, {_ROWS} x {_COLUMNS}, raw, row by row"
    ),
    TripletFeature("image_shape", FeatureType.INT64, 2, "px", "rows, columns"),
    TripletFeature("interval", FeatureType.FLOAT32, 1, "Hz", "acquisition rate that the folder names; NaN without"),
    TripletFeature("shot", FeatureType.INT64, 1, "ns", "time of the triplet since 1970: the earliest of its records"),
    TripletFeature("spectra", FeatureType.BYTES, 1, "arbitrary", "float32, little endian; empty without spectrometer"),
    TripletFeature("spectra_length", FeatureType.INT64, 1, "", "samples of the spectrum"),
    TripletFeature("spectrometer", FeatureType.BYTES, 1, "", "its name: of several the first; empty without"),
    TripletFeature("timestamp", FeatureType.INT64, 1, "ns", "when the image was taken, since 1970 in UTC"),
)

_FRONT_ENDS = {"LA": 1, "LB": 2}
_AMPS = {"FE": 0, "A1": 1, "A2": 2, "A3": 3}
_ARMS = {"11": 1, "31": 1, "12": 2, "32": 2}
_NO_AMPLIFIER = -1


def stage_codes(stage: Stage) -> tuple[int, int, int]:
    """``front``, ``amp`` and ``arm`` of a stage as numbers (the reference, section 3.7)."""
    return _FRONT_ENDS.get(stage.front_end, 0), _AMPS.get(stage.amp, _NO_AMPLIFIER), _ARMS.get(stage.arm, 0)
