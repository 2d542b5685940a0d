"""What the device stages hand on: one row of verdict and features per record, no pixels."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.devices import Device, RecordKind
from models.records import SourceReference


class Scoring(IntEnum):
    """How far a record was scored."""

    NONE = 0  # refused, duplicate, late, or of a kind that has no score
    LEARNING = 1  # too few normal records so far: never taken for normal
    SCORED = 2
    DARK = 3  # no beam on the camera, nothing measured by the meter
    THINNED = 4  # left out by configuration, since the workers could not keep up with every frame

    @property
    def label(self) -> str:
        """The word in results."""
        return self.name.lower()


class Admission(IntEnum):
    """Whether a device stage took a record: its id (device and event time) may be known already."""

    ACCEPTED = 0
    DUPLICATE = 1
    LATE = 2


class Reason(IntFlag):
    """What is odd about a record; several may hold. The names in lower case are the words in results."""

    NONE = 0
    RESIDUAL = 1 << 0  # the picture differs from its reconstruction
    LATENT = 1 << 1  # an unusual combination of usual parts
    BEAM_MOMENTS = 1 << 2  # sum, place, size, shape of the beam
    STUCK_FRAME = 1 << 3  # bit for bit the frame before
    SATURATED = 1 << 4
    ENERGY_OUTLIER = 1 << 5
    ENERGY_STEP = 1 << 6
    SPECTRUM_SHAPE = 1 << 7
    SPECTRUM_MOMENTS = 1 << 8
    STATE_NOT_ON = 1 << 9  # left ON while its stage fires
    # Found by the join:
    NO_BEAM = 1 << 10  # the camera is dark although the meter measures
    SUM_AGAINST_ENERGY = 1 << 11  # sum of the pixels, energy and sum of the spectrum do not follow each other
    INCOMPLETE = 1 << 12  # the shot lacks an image, an energy or a spectrum
    MISSING_IMAGE = 1 << 13  # what it lacks
    MISSING_ENERGY = 1 << 14
    MISSING_SPECTRUM = 1 << 15
    SILENT = 1 << 16  # the device has stopped recording while its stage fires
    TRIPLET = 1 << 17  # image, energy and spectrum are unusual together, though none of them is alone

    def words(self) -> list[str]:
        """The reasons as lower-case words, in the order of this class."""
        return [(reason.name or "").lower() for reason in Reason if reason and reason in self]


class Outcome(StrEnum):
    """Where a record ends: exactly one of these (the ledger's columns)."""

    TRIPLET = "triplet"
    INCOMPLETE = "incomplete"
    IDLE = "idle"
    UNJOINED = "unjoined"
    DUPLICATE = "duplicate"
    LATE = "late"
    INVALID = "invalid"
    UNEXPECTED = "unexpected"
    DEAD_LETTER = "dead_letter"


#: The features of each kind of record, in the order of the columns of ``ScoredBlock.features``.
#: Lengths are pixels, angles radians, energies joules, spectral places sample numbers.
FEATURE_NAMES: dict[RecordKind, tuple[str, ...]] = {
    RecordKind.CAMERA: (
        "pixel_sum_counts",
        "centroid_x_px",
        "centroid_y_px",
        "d4sigma_major_px",
        "d4sigma_minor_px",
        "ellipticity",
        "angle_rad",
        "peak_counts",
        "hot_spot_contrast",
        "saturated_fraction",
        "residual_max_z",
        "latent_distance",
        "moments_distance",
    ),
    RecordKind.ENERGY_METER: ("energy_j", "energy_smooth_j", "energy_z"),
    RecordKind.SPECTROMETER: (
        "spectrum_sum",
        "spectrum_centre",
        "spectrum_fwhm",
        "spectrum_rms_width",
        "spectrum_peaks",
        "spectrum_max_z",
        "spectrum_moments_distance",
    ),
    RecordKind.OTHER: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredBlock:
    """The rows of a ``RecordBlock`` after its device stage.

    Attributes
    ----------
    event_time_ns, state, refusal
        As in ``RecordBlock``; ``refusal`` now also holds what the validity rules found.
    admission
        uint8, shape (n,): ``Admission``.
    fires
        bool, shape (n,): the device saw the shot (beam on the camera, energy measured, light in the spectrum).
    scoring
        uint8, shape (n,): ``Scoring``.
    score
        float32, shape (n,): -log10 of the corrected tail probability, 0 where nothing was scored.
    anomalous
        bool, shape (n,).
    reasons
        uint32, shape (n,): ``Reason``.
    features
        float64, shape (n, len(FEATURE_NAMES[device.kind])), NaN where not known.
    hdf5_group
        n paths inside the file, for the sources of alerts; empty where they are not known.
    """

    device: Device
    source: SourceReference
    event_time_ns: NDArray[np.int64]
    state: NDArray[np.uint8]
    refusal: NDArray[np.uint8]
    admission: NDArray[np.uint8]
    fires: NDArray[np.bool_]
    scoring: NDArray[np.uint8]
    score: NDArray[np.float32]
    anomalous: NDArray[np.bool_]
    reasons: NDArray[np.uint32]
    features: NDArray[np.float64]
    interval_hz: float
    model: str = ""
    replacement: bool = False
    hdf5_group: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.event_time_ns)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every per-record array by name: what a row of the results is made of."""
        return {name: getattr(self, name) for name in ROW_ARRAYS}


#: The per-record arrays of a ``ScoredBlock``.
ROW_ARRAYS = (
    "event_time_ns",
    "state",
    "refusal",
    "admission",
    "fires",
    "scoring",
    "score",
    "anomalous",
    "reasons",
    "features",
)
