"""Consecutive odd shots of one device or stage become one episode, and an episode one alert."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf, isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, alert_id
from models.alerts.episode_state import Episode, OddShot
from models.alerts.explanation import NO_EXPLANATION, Explanation
from models.alerts.severity import severity_of
from models.devices import Device, Stage
from models.event_time import MILLISECOND_NS
from models.results import Reason
from models.state import State

#: The score of a rule that knows instead of estimating (a stuck frame, a device state): it opens an episode at once.
#: An alert shows only finite scores, so an episode of certain shots alone has the score 0.
CERTAIN = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeSettings:
    """When an episode opens, closes, and says something new.

    Attributes
    ----------
    strong_score
        One anomalous shot with at least this score opens an episode.
    weak_score, weak_shots, weak_window_shots
        So do ``weak_shots`` anomalous shots with at least ``weak_score`` among the last ``weak_window_shots``.
    quiet_shots, quiet_ms
        An episode closes after so many normal shots in a row, or with the first shot (odd or not) that is further than
        ``quiet_ms`` behind the last odd one; whichever comes first. The time is for stages that fire once a minute.
    update_score_step
        An open alert is updated when its score has grown by this much, and whenever its shots have doubled.
    max_updates
        No more updates than this in one episode; its closing always comes.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    strong_score: float = 6.0
    weak_score: float = 3.5
    weak_shots: int = 3
    weak_window_shots: int = 10
    quiet_shots: int = 30
    quiet_ms: int = 300_000
    update_score_step: float = 1.0
    max_updates: int = 32

    def __post_init__(self) -> None:
        if not 0.0 <= self.weak_score <= self.strong_score:
            raise ValueError("weak_score must lie between 0 and strong_score")
        if not 1 <= self.weak_shots <= self.weak_window_shots <= 1000:
            raise ValueError("weak_shots must lie between 1 and weak_window_shots, and that be at most 1000")
        if self.quiet_shots < 1 or self.quiet_ms < 1:
            raise ValueError("quiet_shots and quiet_ms must be at least 1")
        if not (self.update_score_step > 0.0 and self.max_updates >= 0):
            raise ValueError("update_score_step must be above 0 and max_updates not below 0")


class EpisodeTracker:
    """The life of one kind of alert about one device or stage.

    Observations come in the order of their event times; how they are cut into blocks changes nothing. A block without
    an anomalous shot costs a few microseconds, whatever its length.

    Parameters
    ----------
    subject
        Whom the alert's id is computed from.
    stage, device
        What the alert shows; ``device`` is empty for alerts about a stage.
    model
        Id of the model that scores; may be set anew between blocks (``tracker.model = ...``). An episode keeps the one
        that it opened with.
    """

    def __init__(
        self,
        subject: Device | Stage,
        kind: AlertKind,
        settings: EpisodeSettings,
        *,
        stage: Stage,
        device: str,
        model: str = "",
    ) -> None:
        self.model = model
        self._subject = subject
        self._kind = kind
        self._settings = settings
        self._stage = stage
        self._device = device
        self._quiet_ns = settings.quiet_ms * MILLISECOND_NS
        self._observations = 0
        self._window: deque[OddShot] = deque(maxlen=settings.weak_shots)
        self._episode: Episode | None = None

    @property
    def is_open(self) -> bool:
        """Whether an episode goes on."""
        return self._episode is not None

    @property
    def earliest_waiting_ns(self) -> int | None:
        """Event time of the earliest odd shot with which an episode that opens later can begin; None without one."""
        gone = self._observations - self._settings.weak_window_shots
        return min((odd.event_time_ns for odd in self._window if odd.observation > gone), default=None)

    @property
    def alert(self) -> Alert | None:
        """The open alert as it stands."""
        return None if self._episode is None else self._alert(self._episode, AlertStatus.OPEN)

    def observe_block(
        self,
        event_time_ns: NDArray[np.int64],
        score: NDArray[np.floating],
        anomalous: NDArray[np.bool_],
        reasons: NDArray[np.unsignedinteger],
        source: Callable[[int], AlertSource],
        explain: Callable[[int], Explanation] | None = None,
    ) -> tuple[list[AlertEvent], NDArray[np.bool_]]:
        """Look at n shots in the order of their event times.

        Parameters
        ----------
        event_time_ns
            int64, shape (n,), not decreasing, also across calls.
        score
            Float, shape (n,): -log10 of the corrected tail probability, ``CERTAIN`` for a rule's shot. NaN counts as 0.
            Looked at only where ``anomalous``.
        anomalous
            bool, shape (n,).
        reasons
            uint32, shape (n,): ``Reason``.
        source
            Gives the source of row i; called for anomalous rows only.
        explain
            Says what is odd about row i; None where nothing can. It is asked for shots that open an episode or, being
            weak, may do so with others, and later for the worst shot so far, if it leads to an update. The alert has
            what was said of the worst of them.

        Returns
        -------
        tuple
            What happened, in order, and bool, shape (n,): whether an episode is open once the row has been looked at.
        """
        count = len(event_time_ns)
        open_mask = np.zeros(count, dtype=np.bool_)
        events: list[AlertEvent] = []
        odd = np.flatnonzero(anomalous)
        if self._episode is None and not len(odd):
            self._observations += count
            return events, open_mask
        start = 0
        for row in odd.tolist():
            self._normal(event_time_ns, start, row, open_mask, events)
            shot = OddShot(
                observation=self._observations,
                event_time_ns=int(event_time_ns[row]),
                score=_number(float(score[row])),
                reasons=int(reasons[row]),
                source=source(row),
            )
            self._odd(shot, events, partial(explain, row) if explain else _nothing_to_say)
            open_mask[row] = self._episode is not None
            start = row + 1
        self._normal(event_time_ns, start, count, open_mask, events)
        return events, open_mask

    def use_scores(self, strong_score: float, weak_score: float) -> None:
        """From the next shot on, open episodes at these scores; whoever changes them keeps them in its own state."""
        self._settings = replace(self._settings, strong_score=strong_score, weak_score=weak_score)

    def advance(self, event_time_ns: int) -> list[AlertEvent]:
        """Close an episode whose quiet time is over although no further shot comes; changes no later result."""
        events: list[AlertEvent] = []
        self._close_after_gap(event_time_ns, events)
        return events

    def finish(self) -> list[AlertEvent]:
        """Close what is open because the input has ended."""
        events: list[AlertEvent] = []
        self._close(events)
        self._window.clear()
        return events

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "observations": self._observations,
            "window": [shot.to_json() for shot in self._window],
            "episode": None if self._episode is None else self._episode.to_json(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._observations = int(state["observations"])
        self._window.clear()
        self._window.extend(OddShot.from_json(shot) for shot in state["window"])
        saved = state["episode"]
        self._episode = None if saved is None else Episode.from_json(saved)

    def _normal(
        self,
        event_time_ns: NDArray[np.int64],
        start: int,
        stop: int,
        open_mask: NDArray[np.bool_],
        events: list[AlertEvent],
    ) -> None:
        """Rows ``start`` to ``stop`` are normal: count them, and close what has been quiet long enough."""
        self._observations += stop - start
        episode = self._episode
        if episode is None or start == stop:
            return
        limit_ns = episode.last_shot_ns + self._quiet_ns
        by_time = start + int(np.searchsorted(event_time_ns[start:stop], limit_ns, side="right"))
        closing = min(by_time, start + self._settings.quiet_shots - episode.normal_shots - 1)
        open_mask[start : min(closing, stop)] = True
        if closing < stop:
            self._close(events)
        else:
            episode.normal_shots += stop - start

    def _odd(self, shot: OddShot, events: list[AlertEvent], explain: Callable[[], Explanation]) -> None:
        self._observations += 1
        self._close_after_gap(shot.event_time_ns, events)
        episode = self._episode
        if episode is None:
            self._open(shot, events, explain)
            return
        worst = _shown(shot.score) > episode.score
        episode.last_shot_ns = shot.event_time_ns
        episode.normal_shots = 0
        episode.shots += 1
        episode.score = max(episode.score, _shown(shot.score))
        episode.reasons |= shot.reasons
        grown = episode.score >= episode.told_score + self._settings.update_score_step
        doubled = episode.shots >= 2 * episode.told_shots
        if (grown or doubled) and episode.updates < self._settings.max_updates:
            episode.updates += 1
            if worst:
                episode.explanation = explain()
            self._tell(AlertChange.UPDATED, events)

    def _open(self, shot: OddShot, events: list[AlertEvent], explain: Callable[[], Explanation]) -> None:
        """Open an episode if the shot is strong, or the last of enough weak ones.

        A weak shot is explained at once, while its pixels are there: it may turn out to be the strongest of those that
        open an episode.
        """
        settings = self._settings
        strong = shot.score >= settings.strong_score
        if not strong and shot.score < settings.weak_score:
            return
        window = [
            odd
            for odd in self._window
            if odd.observation > shot.observation - settings.weak_window_shots
            and odd.event_time_ns >= shot.event_time_ns - self._quiet_ns
        ]
        window.append(shot)
        strongest = max(window, key=lambda odd: odd.score)  # of equal ones the first
        opens = strong or len(window) >= settings.weak_shots
        if strongest is shot or not opens:
            shot.explanation = explain()
        if not opens:
            self._window.append(shot)
            return
        self._window.clear()
        first, reasons = window[0], 0
        for odd in window:
            reasons |= odd.reasons
        self._episode = Episode(
            id=alert_id(self._subject, self._kind, first.event_time_ns),
            first_shot_ns=first.event_time_ns,
            last_shot_ns=shot.event_time_ns,
            shots=len(window),
            score=max(_shown(odd.score) for odd in window),
            reasons=reasons,
            model=self.model,
            source=first.source,
            explanation=strongest.explanation,
            opened_ns=shot.event_time_ns,
        )
        self._tell(AlertChange.OPENED, events)

    def _close_after_gap(self, event_time_ns: int, events: list[AlertEvent]) -> None:
        episode = self._episode
        if episode is not None and event_time_ns > episode.last_shot_ns + self._quiet_ns:
            self._close(events)

    def _close(self, events: list[AlertEvent]) -> None:
        if self._episode is not None:
            events.append(AlertEvent(change=AlertChange.CLOSED, alert=self._alert(self._episode, AlertStatus.CLOSED)))
            self._episode = None

    def _tell(self, change: AlertChange, events: list[AlertEvent]) -> None:
        episode = self._episode
        if episode is not None:
            episode.told_score, episode.told_shots = episode.score, episode.shots
            events.append(AlertEvent(change=change, alert=self._alert(episode, AlertStatus.OPEN)))

    def _alert(self, episode: Episode, status: AlertStatus) -> Alert:
        return Alert(
            id=episode.id,
            kind=self._kind,
            severity=severity_of(self._kind, episode.score, episode.shots),
            status=status,
            stage=self._stage,
            device=self._device,
            first_shot_ns=episode.first_shot_ns,
            last_shot_ns=episode.last_shot_ns,
            shots=episode.shots,
            score=episode.score,
            reasons=tuple(Reason(episode.reasons).words()),
            model=episode.model,
            source=episode.source,
            explanation=episode.explanation,
            opened_ns=episode.opened_ns,
        )


def _number(score: float) -> float:
    return score if score == score else 0.0  # noqa: PLR0124 - NaN is the only number that differs from itself


def _shown(score: float) -> float:
    return score if isfinite(score) else 0.0


def _nothing_to_say() -> Explanation:
    return NO_EXPLANATION
