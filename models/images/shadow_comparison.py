"""What two models found in the same frames of a camera: counts, exact whatever the cut of the blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertChange, AlertEvent, AlertKind
from models.state import State

#: Alerts of each model that are remembered, the latest ones: those that an operator may still judge.
REMEMBERED_ALERTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCounts:
    """What the model in production and its shadow found in the frames that both scored.

    Attributes
    ----------
    frames
        Scored by both.
    odd_both, odd_production, odd_shadow
        Of these, anomalous by both, by production alone, by the shadow alone. What a rule says (a stuck frame) is no
        model's finding and does not count.
    alerts_production, alerts_shadow
        Image alerts that each opened; those of the shadow were sent to nobody.
    alerts_shared
        Alerts of production during which the shadow would have had one, too.
    alerts_of_shadow_shared
        Alerts of the shadow during which production had one.
    """

    frames: int = 0
    odd_both: int = 0
    odd_production: int = 0
    odd_shadow: int = 0
    alerts_production: int = 0
    alerts_shadow: int = 0
    alerts_shared: int = 0
    alerts_of_shadow_shared: int = 0

    def __add__(self, other: "ShadowCounts") -> "ShadowCounts":
        """Both together."""
        names = [each.name for each in fields(self)]
        return ShadowCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def to_json(self) -> dict[str, int]:
        """As JSON values."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __bool__(self) -> bool:
        """Whether anything was counted."""
        return any(astuple(self))


@dataclass(slots=True, kw_only=True)
class ComparedAlert:
    """An image alert of one of the models.

    Attributes
    ----------
    first_ns, last_ns
        Event times of its first and its latest odd shot.
    shared
        Whether the other model had an alert meanwhile.
    """

    id: str
    first_ns: int
    last_ns: int
    shared: bool = False

    def overlaps(self, other: "ComparedAlert") -> bool:
        """Whether they have a moment in common."""
        return self.first_ns <= other.last_ns and other.first_ns <= self.last_ns


class ShadowComparison:
    """Compares a shadow with one model in production.

    Parameters
    ----------
    production
        The id of the model in production.
    """

    def __init__(self, production: str) -> None:
        self.production = production
        self.counts = ShadowCounts()
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.alerts_production: list[ComparedAlert] = []
        self.alerts_shadow: list[ComparedAlert] = []

    def add_frames(
        self, event_time_ns: NDArray[np.int64], odd_production: NDArray[np.bool_], odd_shadow: NDArray[np.bool_]
    ) -> ShadowCounts:
        """Count frames that both have scored; returns what is new.

        Parameters
        ----------
        event_time_ns
            int64, shape (n,), ascending, also across calls.
        odd_production, odd_shadow
            bool, shape (n,): which of them each model finds anomalous.
        """
        if not len(event_time_ns):
            return ShadowCounts()
        self.first_ns = int(event_time_ns[0]) if self.first_ns is None else self.first_ns
        self.last_ns = int(event_time_ns[-1])
        new = ShadowCounts(
            frames=len(event_time_ns),
            odd_both=int((odd_production & odd_shadow).sum()),
            odd_production=int((odd_production & ~odd_shadow).sum()),
            odd_shadow=int((odd_shadow & ~odd_production).sum()),
        )
        self.counts += new
        return new

    def add_alerts(
        self, event_time_ns: NDArray[np.int64], production: Iterable[AlertEvent], shadow: Iterable[AlertEvent]
    ) -> ShadowCounts:
        """Follow the image alerts of both, each in its order; returns what is new.

        Only those count that were opened by a frame that both scored, which are at ``event_time_ns``.
        """
        compared = set(event_time_ns.tolist())
        steps = [(event, True) for event in production] + [(event, False) for event in shadow]
        image = [step for step in steps if step[0].alert.kind is AlertKind.IMAGE_ANOMALY]
        new = ShadowCounts()
        # In the order in which they opened, so that what is forgotten depends on no cut.
        for event, of_production in sorted(image, key=lambda step: step[0].alert.last_shot_ns):
            new += self._follow(event, compared, of_production=of_production)
        self.counts += new
        return new

    def _follow(self, event: AlertEvent, compared: set[int], *, of_production: bool) -> ShadowCounts:
        own, others = self.alerts_production, self.alerts_shadow
        if not of_production:
            own, others = others, own
        alert, opened = event.alert, 0
        if event.change is AlertChange.OPENED:
            if alert.last_shot_ns not in compared:
                return ShadowCounts()
            own.append(ComparedAlert(id=alert.id, first_ns=alert.first_shot_ns, last_ns=alert.last_shot_ns))
            del own[:-REMEMBERED_ALERTS]
            opened = 1
        elif not own or own[-1].id != alert.id:
            return ShadowCounts()
        latest = own[-1]
        latest.last_ns = alert.last_shot_ns
        newly_own = newly_others = 0
        for other in others:
            if latest.overlaps(other):
                newly_own += not latest.shared
                newly_others += not other.shared
                latest.shared = other.shared = True
        if of_production:
            return ShadowCounts(alerts_production=opened, alerts_shared=newly_own, alerts_of_shadow_shared=newly_others)
        return ShadowCounts(alerts_shadow=opened, alerts_shared=newly_others, alerts_of_shadow_shared=newly_own)

    def state(self) -> State:
        """All that later results depend on, as JSON values."""
        return {
            "production": self.production,
            "counts": self.counts.to_json(),
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            "alerts_production": [list(astuple(alert)) for alert in self.alerts_production],
            "alerts_shadow": [list(astuple(alert)) for alert in self.alerts_shadow],
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What ``state`` gave."""
        comparison = cls(str(state["production"]))
        comparison.counts = ShadowCounts(**state["counts"])
        comparison.first_ns, comparison.last_ns = state["first_ns"], state["last_ns"]
        comparison.alerts_production = _alerts(state["alerts_production"])
        comparison.alerts_shadow = _alerts(state["alerts_shadow"])
        return comparison


def _alerts(saved: Sequence[Sequence[object]]) -> list[ComparedAlert]:
    return [
        ComparedAlert(id=str(id_), first_ns=int(str(first)), last_ns=int(str(last)), shared=bool(shared))
        for id_, first, last, shared in saved
    ]
