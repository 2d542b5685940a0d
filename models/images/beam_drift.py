"""Slow change of a camera's beam, told from faults: how far its average lies from where it was when it was learned.

The references of the scores follow a slow change, so it is no fault; but it adds up, and a facility wants to know that
its beam is no longer where it was. Only normal frames count. An average of many of them is compared with the average at
the beginning, in pixels and parts, since that is what an operator can judge: a change that matters has nothing to do
with how steady a beam is from shot to shot, which detectors of changed distributions measure (ADR 0026).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, alert_id
from models.alerts.explanation import Explanation
from models.alerts.severity import severity_of
from models.causes.odd_frame import CENTRE_X, CENTRE_Y, ELLIPSE_ACROSS, ELLIPSE_ALONG, LOG_DIAMETER, LOG_SUM
from models.causes.wording import eighth_of, percent_of
from models.devices import Device
from models.event_time import format_iso
from models.state import State

# So many components of ``beam_features.beam_vector`` are looked at, the first ones.
_USED = 6
# A drift that is over has come back this far: a beam at the limit must not open one alert after the other.
_BACK_AT = 0.8
_OCTANTS = ("right", "lower right", "bottom", "lower left", "left", "upper left", "top", "upper right")


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
class _Change:
    """How far an average lies from the baseline."""

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
        octant = _OCTANTS[eighth_of(self.right_px, self.down_px)]
        words = {
            DriftReason.POSITION: f"{math.hypot(self.right_px, self.down_px):.1f} px to the {octant}",
            DriftReason.SIZE: percent_of(self.size_part, "larger", "smaller"),
            DriftReason.BRIGHTNESS: percent_of(self.brightness_part, "brighter", "dimmer"),
            DriftReason.SHAPE: "more elliptical or turned",
        }
        return ", ".join(text for reason, text in words.items() if reason in reasons)


def _change(off: NDArray[np.float64]) -> _Change:
    return _Change(
        right_px=float(off[CENTRE_X]),
        down_px=float(off[CENTRE_Y]),
        size_part=math.expm1(float(off[LOG_DIAMETER])),
        brightness_part=math.expm1(float(off[LOG_SUM])),
        shape=math.hypot(float(off[ELLIPSE_ALONG]), float(off[ELLIPSE_ACROSS])),
    )


class BeamDrift:
    """Watches the average of one camera's normal frames; opens one alert, which lasts until the beam is back.

    How frames are cut into calls changes nothing: averages are taken over fixed sets.

    Parameters
    ----------
    device
        The camera.
    settings
        What counts as a drift.
    """

    def __init__(self, device: Device, settings: DriftSettings) -> None:
        self._device = device
        self._settings = settings
        self._clear()

    def begin_anew(self) -> list[AlertEvent]:
        """Take the beam as it comes now for the one that was learned; what is open closes."""
        closed = self.finish()
        self._clear()
        return closed

    def _clear(self) -> None:
        self._baseline: NDArray[np.float64] | None = None
        self._since_ns = 0
        self._waiting: list[NDArray[np.float64]] = []
        self._beyond: tuple[int, AlertSource] | None = None
        self._alert: Alert | None = None

    @property
    def alert(self) -> Alert | None:
        """The open alert as it stands."""
        return self._alert

    def observe(
        self,
        event_time_ns: NDArray[np.int64],
        vectors: NDArray[np.float64],
        source: Callable[[int], AlertSource],
    ) -> list[AlertEvent]:
        """Take in normal frames, in their order.

        Parameters
        ----------
        event_time_ns
            int64, shape (n,).
        vectors
            float64, shape (n, >= 6): ``beam_features.beam_vector``; those that are not finite are left out.
        source
            Where a frame of this call comes from, by its place.
        """
        events: list[AlertEvent] = []
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
                    change = _change(mean - self._baseline)
                    events += self._judge(change, int(event_time_ns[place]), source(place))
        return events

    def finish(self) -> list[AlertEvent]:
        """Close the alert, since the input has ended or the new state was accepted."""
        alert, self._alert = self._alert, None
        self._beyond = None  # else the next frame beyond a limit would open the same alert again
        return [] if alert is None else [_event(AlertChange.CLOSED, replace(alert, status=AlertStatus.CLOSED))]

    @property
    def _wanted(self) -> int:
        return self._settings.baseline_frames if self._baseline is None else self._settings.frames_per_mean

    def _judge(self, change: _Change, time_ns: int, source: AlertSource) -> list[AlertEvent]:
        parts = change.parts(self._settings)
        if self._alert is not None:
            if max(parts.values()) < _BACK_AT:
                return self.finish()
            self._alert = replace(
                self._alert, last_shot_ns=time_ns, shots=self._alert.shots + self._settings.frames_per_mean
            )
            return []
        if max(parts.values()) < 1.0:
            self._beyond = None
            return []
        if self._beyond is None:
            self._beyond = (time_ns, source)
            return []
        self._alert = self._opened(change, parts, time_ns, *self._beyond)
        return [_event(AlertChange.OPENED, self._alert)]

    def _opened(
        self, change: _Change, parts: dict[DriftReason, float], time_ns: int, first_ns: int, source: AlertSource
    ) -> Alert:
        reasons = tuple(reason.value for reason, part in parts.items() if part >= _BACK_AT)
        text = (
            f"drifted since {format_iso(self._since_ns)}: {change.words(reasons)}; train on the new state, or accept "
            "it as the baseline"
        )
        shots = 2 * self._settings.frames_per_mean
        return self._alert_of(first_ns, time_ns, shots=shots, reasons=reasons, text=text, source=source)

    def _alert_of(
        self, first_ns: int, last_ns: int, *, shots: int, reasons: tuple[str, ...], text: str, source: AlertSource
    ) -> Alert:
        return Alert(
            id=alert_id(self._device, AlertKind.DRIFT, first_ns),
            kind=AlertKind.DRIFT,
            severity=severity_of(AlertKind.DRIFT),
            status=AlertStatus.OPEN,
            stage=self._device.stage,
            device=self._device.name,
            first_shot_ns=first_ns,
            last_shot_ns=last_ns,
            shots=shots,
            score=0.0,
            reasons=reasons,
            model="",
            source=source,
            explanation=Explanation(text=text),
        )

    def state(self) -> State:
        """All that later results depend on; the alert as the parts that it is made of."""
        alert = self._alert
        return {
            "baseline": self._baseline,
            "since_ns": self._since_ns,
            "waiting": np.array(self._waiting, np.float64).reshape(-1, _USED),
            "beyond": None if self._beyond is None else [self._beyond[0], *self._beyond[1].to_json()],
            "alert": None
            if alert is None
            else {
                "first_ns": alert.first_shot_ns,
                "last_ns": alert.last_shot_ns,
                "shots": alert.shots,
                "reasons": list(alert.reasons),
                "text": alert.explanation.text,
                "source": alert.source.to_json(),
            },
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._clear()
        self._baseline = None if state["baseline"] is None else np.array(state["baseline"], np.float64)
        self._since_ns = int(state["since_ns"])
        self._waiting = list(np.array(state["waiting"], np.float64).reshape(-1, _USED))
        if state["beyond"] is not None:
            self._beyond = (int(state["beyond"][0]), AlertSource.from_json(state["beyond"][1:]))
        saved = state["alert"]
        if saved is not None:
            self._alert = self._alert_of(
                int(saved["first_ns"]),
                int(saved["last_ns"]),
                shots=int(saved["shots"]),
                reasons=tuple(saved["reasons"]),
                text=saved["text"],
                source=AlertSource.from_json(saved["source"]),
            )


def _event(change: AlertChange, alert: Alert) -> AlertEvent:
    return AlertEvent(change=change, alert=alert)
