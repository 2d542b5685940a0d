"""How far a camera's beam lies, on the average, from where it was when it was learned.

Only normal frames count. An average of many of them is compared with the average at the beginning, in pixels and parts,
since that is what an operator can judge: a change that matters has nothing to do with how steady a beam is from shot to
shot, which detectors of changed distributions measure (ADR 0026).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.causes.odd_frame import CENTRE_X, CENTRE_Y, ELLIPSE_ACROSS, ELLIPSE_ALONG, LOG_DIAMETER, LOG_SUM
from models.causes.wording import direction_of, percent_of
from models.state import State

# So many components of ``beam_features.beam_vector`` are looked at, the first ones.
_USED = 6


class DriftReason(StrEnum):
    """What of the beam has changed; the bounded reasons of the alert."""

    POSITION = "position"
    SIZE = "size"
    BRIGHTNESS = "brightness"
    SHAPE = "shape"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """How far a beam may move away from where it was learned.

    Attributes
    ----------
    baseline_frames
        The average of so many normal frames is where the beam was.
    frames_per_mean
        The average of so many is where it is. Two in a row beyond a limit open an alert.
    position_px
        Distance between the centres, in pixels.
    size_part, brightness_part
        Relative change of the beam's mean diameter and of the sum of its pixels.
    shape
        Change of the ellipse's strength, (a^2 - b^2) / (a^2 + b^2) with its direction: 0 is round.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    baseline_frames: int = 600
    frames_per_mean: int = 100
    position_px: float = 4.0
    size_part: float = 0.07
    brightness_part: float = 0.2
    shape: float = 0.1

    def __post_init__(self) -> None:
        if not 10 <= self.frames_per_mean <= self.baseline_frames <= 100_000:
            raise ValueError("frames_per_mean must be between 10 and baseline_frames, and that at most 100,000")
        if not min(self.position_px, self.size_part, self.brightness_part, self.shape) > 0.0:
            raise ValueError("position_px, size_part, brightness_part and shape must be above 0")


@dataclass(frozen=True, slots=True)
class BeamChange:
    """How far an average lies from the baseline: pixels, relative changes, and the length of the ellipse's change."""

    right_px: float
    down_px: float
    size_part: float
    brightness_part: float
    shape: float

    def parts(self, settings: DriftSettings) -> dict[DriftReason, float]:
        """Each as a part of its limit."""
        return {
            DriftReason.POSITION: math.hypot(self.right_px, self.down_px) / settings.position_px,
            DriftReason.SIZE: abs(self.size_part) / settings.size_part,
            DriftReason.BRIGHTNESS: abs(self.brightness_part) / settings.brightness_part,
            DriftReason.SHAPE: self.shape / settings.shape,
        }

    def words(self, reasons: tuple[str, ...]) -> str:
        """What has changed, for a person."""
        direction = direction_of(self.right_px, self.down_px)
        words = {
            DriftReason.POSITION: f"{math.hypot(self.right_px, self.down_px):.1f} px {direction}",
            DriftReason.SIZE: percent_of(self.size_part, "larger", "smaller"),
            DriftReason.BRIGHTNESS: percent_of(self.brightness_part, "brighter", "dimmer"),
            DriftReason.SHAPE: "more elliptical or turned",
        }
        return ", ".join(text for reason, text in words.items() if reason in reasons)

    @classmethod
    def of(cls, difference: NDArray[np.float64]) -> Self:
        """The change that a difference of two averages of ``beam_vector`` is."""
        return cls(
            right_px=float(difference[CENTRE_X]),
            down_px=float(difference[CENTRE_Y]),
            size_part=math.expm1(float(difference[LOG_DIAMETER])),
            brightness_part=math.expm1(float(difference[LOG_SUM])),
            shape=math.hypot(float(difference[ELLIPSE_ALONG]), float(difference[ELLIPSE_ACROSS])),
        )


class BeamAverages:
    """The averages of one camera's normal frames: the first is the baseline, the later ones are compared with it.

    They are taken over fixed sets, so how frames are cut into calls changes nothing.
    """

    def __init__(self, settings: DriftSettings) -> None:
        self._settings = settings
        self._baseline: NDArray[np.float64] | None = None
        self._since_ns = 0
        self._waiting: list[NDArray[np.float64]] = []

    @property
    def since_ns(self) -> int:
        """Event time of the first frame of the baseline."""
        return self._since_ns

    def observe(self, event_time_ns: NDArray[np.int64], vectors: NDArray[np.float64]) -> list[tuple[int, BeamChange]]:
        """Take in frames, as ``BeamDrift.observe`` does: the place that completed an average, and how far that lies."""
        changes = []
        usable = np.flatnonzero(np.isfinite(vectors[:, :_USED]).all(axis=1))
        for place in usable.tolist():
            if self._baseline is None and not self._waiting:
                self._since_ns = int(event_time_ns[place])
            self._waiting.append(vectors[place, :_USED])
            if len(self._waiting) >= self._wanted:  # more of them wait where the settings were lowered meanwhile
                mean = np.mean(np.array(self._waiting), axis=0)
                self._waiting = []
                if self._baseline is None:
                    self._baseline = mean
                else:
                    changes.append((place, BeamChange.of(mean - self._baseline)))
        return changes

    @property
    def _wanted(self) -> int:
        return self._settings.baseline_frames if self._baseline is None else self._settings.frames_per_mean

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "baseline": self._baseline,
            "since_ns": self._since_ns,
            "waiting": np.array(self._waiting, np.float64).reshape(-1, _USED),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._baseline = None if state["baseline"] is None else np.array(state["baseline"], np.float64)
        self._since_ns = int(state["since_ns"])
        self._waiting = list(np.array(state["waiting"], np.float64).reshape(-1, _USED))
