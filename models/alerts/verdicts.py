"""What operators say of episodes: was there something, or nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from models.alerts.alert import AlertKind
from models.evaluation import Rate


class Verdict(StrEnum):
    """Whether an alert was right."""

    TRUE = "true"
    FALSE = "false"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeVerdict:
    """One verdict on one episode.

    Attributes
    ----------
    by
        The user of the operating system who said it.
    at_ns
        When, ns since 1970.
    """

    alert_id: str
    verdict: Verdict
    reason: str
    by: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedStretch:
    """From the first to the last odd shot of an episode that was judged, ns since 1970, both included."""

    device: str
    kind: AlertKind
    first_ns: int
    last_ns: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCount:
    """The episodes of one kind at one place, by verdict; ``place`` is a device, else a stage or a file."""

    kind: AlertKind
    place: str
    true: int
    false: int
    unclear: int
    unjudged: int

    @property
    def precision(self) -> Rate:
        """The true ones among those that are judged true or false."""
        return Rate(count=self.true, total=self.true + self.false)


def count_verdicts(episodes: Iterable[tuple[AlertKind, str, Verdict | None]]) -> list[VerdictCount]:
    """Count episodes (kind, place, latest verdict or None) by kind, then place, in the order of their names."""
    groups: dict[tuple[AlertKind, str], list[Verdict | None]] = {}
    for kind, place, verdict in episodes:
        groups.setdefault((kind, place), []).append(verdict)
    return [
        VerdictCount(
            kind=kind,
            place=place,
            true=verdicts.count(Verdict.TRUE),
            false=verdicts.count(Verdict.FALSE),
            unclear=verdicts.count(Verdict.UNCLEAR),
            unjudged=verdicts.count(None),
        )
        for (kind, place), verdicts in sorted(groups.items())
    ]
