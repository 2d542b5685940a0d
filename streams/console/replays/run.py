"""A replay as it stands."""

from dataclasses import dataclass
from enum import StrEnum

from models.replay_progress import ReplayProgress
from streams.console.replays.question import ReplayQuestion


class ReplayStatus(StrEnum):
    """How far a replay has come."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: The console ended meanwhile; started again, it goes on where it stood.
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in {ReplayStatus.WAITING, ReplayStatus.RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRun:
    """A replay as it stands.

    Attributes
    ----------
    by
        Who started it last.
    asked_ns, ended_ns
        By the clock; the second is None until it has ended.
    sentence
        What it said last; why it failed, or why it need not give what the watch gave.
    progress
        How far it has come; None unless it runs, and before its first file.
    """

    id: str
    question: ReplayQuestion
    by: str
    asked_ns: int
    status: ReplayStatus = ReplayStatus.WAITING
    ended_ns: int | None = None
    sentence: str = ""
    progress: ReplayProgress | None = None
