"""What operators say of episodes: was there something, or nothing."""

from dataclasses import dataclass
from enum import StrEnum

from models.alerts.alert import AlertKind


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
