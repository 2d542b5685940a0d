"""Slow change of a camera's beam, told from faults, as one alert that lasts until the beam is back.

The references of the scores follow a slow change, so it is no fault; but it adds up, and a facility wants to know that
its beam is no longer where it was.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, alert_id
from models.alerts.explanation import Explanation
from models.alerts.severity import severity_of
from models.devices import Device
from models.event_time import format_iso
from models.images.beam_change import BeamAverages, BeamChange, DriftReason, DriftSettings
from models.state import State

# A drift that is over has come back this far: a beam at the limit must not open one alert after the other.
_BACK_AT = 0.8


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
        self._averages = BeamAverages(self._settings)
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
        for place, change in self._averages.observe(event_time_ns, vectors):
            events += self._judge(change, int(event_time_ns[place]), source(place))
        return events

    def finish(self) -> list[AlertEvent]:
        """Close the alert, since the input has ended or the new state was accepted."""
        alert, self._alert = self._alert, None
        self._beyond = None  # else the next frame beyond a limit would open the same alert again
        return [] if alert is None else [_event(AlertChange.CLOSED, replace(alert, status=AlertStatus.CLOSED))]

    def _judge(self, change: BeamChange, time_ns: int, source: AlertSource) -> list[AlertEvent]:
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
        self, change: BeamChange, parts: dict[DriftReason, float], time_ns: int, first_ns: int, source: AlertSource
    ) -> Alert:
        reasons = tuple(reason.value for reason, part in parts.items() if part >= _BACK_AT)
        text = (
            f"drifted since {format_iso(self._averages.since_ns)}: {change.words(reasons)}; train on the new state, or "
            "accept it as the baseline"
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
            **self._averages.state(),
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
        self._averages.restore(state)
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
