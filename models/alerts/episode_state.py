"""What an episode is made of: odd shots that wait for others, and the shots of an open alert."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from models.alerts.alert import AlertSource
from models.alerts.explanation import NO_EXPLANATION, Explanation


@dataclass(slots=True, kw_only=True)
class OddShot:
    """An anomalous shot that waits in the window for others."""

    observation: int
    event_time_ns: int
    score: float
    reasons: int
    source: AlertSource
    explanation: Explanation = NO_EXPLANATION

    def to_json(self) -> list[Any]:
        """As JSON values."""
        numbers = [self.observation, self.event_time_ns, self.score, self.reasons]
        return [*numbers, *self.source.to_json(), *_said(self.explanation)]

    @classmethod
    def from_json(cls, saved: Sequence[Any]) -> Self:
        """What ``to_json`` wrote; what earlier programs wrote explains nothing."""
        observation, event_time_ns, score, reasons, file, sha256, path, *said = saved
        return cls(
            observation=observation,
            event_time_ns=event_time_ns,
            score=score,
            reasons=reasons,
            source=AlertSource.from_json([file, sha256, path]),
            explanation=_explanation(said),
        )


@dataclass(slots=True, kw_only=True)
class Episode:
    """What an open alert is made of."""

    id: str
    first_shot_ns: int
    last_shot_ns: int
    shots: int
    score: float
    reasons: int
    model: str
    source: AlertSource
    explanation: Explanation = NO_EXPLANATION
    opened_ns: int = 0  # states of earlier programs have none
    normal_shots: int = 0
    told_score: float = 0.0
    told_shots: int = 0
    updates: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"source": self.source.to_json(), "explanation": _said(self.explanation)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """What ``to_json`` wrote, now or by an earlier program."""
        source = AlertSource.from_json(saved["source"])
        return cls(**(dict(saved) | {"source": source, "explanation": _explanation(saved.get("explanation", []))}))


def _said(explanation: Explanation) -> list[Any]:
    return [explanation.text, explanation.cause, explanation.cause_probability]


def _explanation(said: list[Any]) -> Explanation:
    """From a saved state; those of earlier programs have none."""
    return Explanation(text=said[0], cause=said[1], cause_probability=said[2]) if said else NO_EXPLANATION
