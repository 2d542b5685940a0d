"""The frames of an image episode that an operator wants to see: the first, the worst and the last."""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from models.alerts.alert import Alert, AlertSource, EvidenceFrame
from models.devices import Device
from models.state import State

# A worse frame of an open episode is handed out at once when its score is larger by this (a factor of 10); the worst of
# all comes with the closing.
_WORSE_SCORE = 1.0
# Odd frames are kept before an episode opens, because it may turn out that it began with them.
_CANDIDATES = 3

_ARRAYS = ("raw", "cleaned", "reconstruction", "residual_z")


@dataclass(frozen=True, slots=True)
class _OddFrame:
    frame: EvidenceFrame  # without an alert's id and a role
    score: float


class EvidenceKeeper:
    """Keeps at most three odd frames of a camera, and hands them out as an episode opens, grows and closes."""

    def __init__(self) -> None:
        self._candidates: deque[_OddFrame] = deque(maxlen=_CANDIDATES)
        self._alert_id = ""
        self._worst: _OddFrame | None = None
        self._last: _OddFrame | None = None
        self._told_score = 0.0

    def add(self, frame: EvidenceFrame, score: float) -> list[EvidenceFrame]:
        """Take an odd frame; what is to be stored now, if an episode is open."""
        odd = _OddFrame(frame, score)
        if not self._alert_id:
            self._candidates.append(odd)
            return []
        self._last = odd
        if score > (self._told_score if self._worst is None else self._worst.score):
            self._worst = odd
        return self._tell_worst(self._told_score + _WORSE_SCORE)

    def open(self, alert: Alert) -> list[EvidenceFrame]:
        """The episode has opened with the frame added last: its first and its worst frame so far."""
        frames = [odd for odd in self._candidates if odd.frame.event_time_ns >= alert.first_shot_ns]
        self._candidates.clear()
        self._alert_id = alert.id
        if not frames:
            return []
        self._last = frames[-1]
        self._worst = max(frames, key=lambda odd: odd.score)
        return [self._as(frames[0], "first"), *self._tell_worst(-np.inf)]

    def forget_before(self, event_time_ns: int | None) -> None:
        """No episode will begin with an earlier frame (None: with any of those that were added)."""
        kept = [
            odd for odd in self._candidates if event_time_ns is not None and odd.frame.event_time_ns >= event_time_ns
        ]
        if len(kept) < len(self._candidates):
            self._candidates = deque(kept, maxlen=_CANDIDATES)

    def close(self) -> list[EvidenceFrame]:
        """The episode has closed: its worst frame, unless it was handed out, and its last."""
        frames = self._tell_worst(np.nextafter(self._told_score, np.inf))
        if self._last is not None:
            frames.append(self._as(self._last, "last"))
        self._alert_id, self._worst, self._last, self._told_score = "", None, None, 0.0
        return frames

    def _tell_worst(self, least_score: float) -> list[EvidenceFrame]:
        worst = self._worst
        if worst is None or worst.score < least_score:
            return []
        self._told_score, self._worst = worst.score, None
        return [self._as(worst, "worst")]

    def _as(self, odd: _OddFrame, role: str) -> EvidenceFrame:
        return replace(odd.frame, alert_id=self._alert_id, role=role)

    def state(self) -> State:
        """The kept frames."""
        return {
            "alert_id": self._alert_id,
            "told_score": self._told_score,
            "candidates": [_state(odd) for odd in self._candidates],
            "worst": None if self._worst is None else _state(self._worst),
            "last": None if self._last is None else _state(self._last),
        }

    def restore(self, state: State, device: Device) -> None:
        """Go on from a saved state."""
        self._alert_id, self._told_score = str(state["alert_id"]), float(state["told_score"])
        self._candidates.clear()
        self._candidates.extend(_from_state(saved, device) for saved in state["candidates"])
        worst = None if state["worst"] is None else _from_state(state["worst"], device)
        self._worst = worst if worst is not None and worst.score > self._told_score else None
        self._last = None if state["last"] is None else _from_state(state["last"], device)


def _state(odd: _OddFrame) -> State:
    frame = odd.frame
    return {
        "score": odd.score,
        "event_time_ns": frame.event_time_ns,
        "source": [frame.source.file, frame.source.sha256, frame.source.path],
        **{name: getattr(frame, name) for name in _ARRAYS},
    }


def _from_state(saved: State, device: Device) -> _OddFrame:
    file, sha256, path = saved["source"]
    frame = EvidenceFrame(
        alert_id="",
        role="",
        event_time_ns=int(saved["event_time_ns"]),
        device=device,
        source=AlertSource(file=file, sha256=sha256, path=path),
        **{name: saved[name] for name in _ARRAYS},
    )
    return _OddFrame(frame, float(saved["score"]))
