"""What the catalog tells of a file's content: triplets by minute, episodes, operators' verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletBucket:
    """The triplets of one stage and minute: one document, not one a shot (the reference, section 2.4).

    Attributes
    ----------
    stage
        ``str(Stage)``.
    minute_ns
        Beginning of the minute, event time.
    complete, incomplete, idle, anomalous
        Counts of shots.
    """

    stage: str
    minute_ns: int
    complete: int
    incomplete: int
    idle: int
    anomalous: int

    @property
    def id(self) -> str:
        """Computed from stage and minute."""
        return f"{self.stage}|{self.minute_ns}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An alert as the catalog keeps it; ``document`` is what ``connectors.alert_documents`` writes of it.

    Attributes
    ----------
    id
        The alert's.
    device
        Empty for those of a whole stage.
    file_id
        Where its first shot lies, archived yet or not; empty when the alert names no content.
    """

    id: str
    kind: str
    severity: str
    status: str
    stage: str
    device: str
    first_ns: int
    last_ns: int
    file_id: str = ""
    document: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an operator said of an alert."""

    id: str
    alert_id: str
    verdict: str
    by: str
    at_ns: int
    note: str = ""
