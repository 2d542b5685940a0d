"""The options of the join."""

from dataclasses import dataclass, field
from typing import ClassVar

from models.alerts.episodes import EpisodeSettings
from models.scoring.tail_probability import TailSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSettings:
    """How the records of a stage become shots, and when something about a shot is odd.

    Attributes
    ----------
    join_jitter_ms
        The event times of one shot's records lie within this; shots are more than twice this apart.
    join_lateness_ms
        How far a record may come behind the watermark. A shot that lacks a record leaves when the watermark has passed
        its time by more than this.
    silent_after_ms, silent_after_shots
        A device that gave no record for so long and for so many shots, although its stage fires, is silent.
    wild_ms
        A device's latest time moves by no more than this (or five shot periods, if longer) on the word of one record,
        and a minority of a stage's devices that recorded alone in such a stretch of time has wild clocks.
    jump_ms
        A device's latest time jumps further than this only when its records stay there for ``roster_learning_ms``: a
        snapshot with a wrong date is over before that.
    roster
        Names of the devices that are expected to record. A stage of which some are named expects exactly those; the
        others learn.
    roster_learning_ms
        A stage learns whom to expect from so much event time (at least three and a half shot periods) before its first
        shot leaves. A device that appears later is expected from twice this after its first record on; until then its
        records are unexpected.
    roster_minimum_records
        Fewer records in the learning time make no member.
    max_pending_shots
        More shots than this never wait; beyond it the oldest leave as they are.
    triplet_fpr
        How often image, energy and spectrum of a normal shot may be taken for unusual together, and how often for not
        following each other. 0: what they say together is neither learned nor told.
    triplet_time_constant_shots
        How long it is remembered what they usually say together.
    triplet_relearn_after_shots
        After so many shots in a row that are odd, or have an odd record, what they say together is learned anew. 0:
        never.
    incomplete_episodes
        Episodes of incomplete triplets: records lost within a minute of each other are one.
    triplet_episodes
        Episodes of unusual triplets. One shot opens one only where it is beyond doubt: no tail of some thousand shots
        says how rare a score of 6 is.
    device_episodes
        All other episodes that the join finds: a device's state, its silence, no beam.
    tail
        How the departures of triplets from the usual become probabilities.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    join_jitter_ms: float = 5.0
    join_lateness_ms: int = 2_000
    silent_after_ms: int = 3_000
    silent_after_shots: int = 20
    wild_ms: int = 10_000
    jump_ms: int = 3_600_000
    roster: tuple[str, ...] = ()
    roster_learning_ms: int = 120_000
    roster_minimum_records: int = 3
    max_pending_shots: int = 6_000
    triplet_fpr: float = 1e-4
    triplet_time_constant_shots: int = 1_000
    triplet_relearn_after_shots: int = 36_000
    incomplete_episodes: EpisodeSettings = field(default_factory=lambda: EpisodeSettings(quiet_shots=600))
    triplet_episodes: EpisodeSettings = field(default_factory=lambda: EpisodeSettings(strong_score=9.0, weak_score=4.0))
    device_episodes: EpisodeSettings = field(default_factory=EpisodeSettings)
    tail: TailSettings = field(default_factory=TailSettings)

    def __post_init__(self) -> None:
        if not 0.001 <= self.join_jitter_ms <= 10_000:
            raise ValueError("join_jitter_ms must lie between 0.001 and 10,000")
        if self.join_lateness_ms < self.join_jitter_ms:
            raise ValueError("join_lateness_ms must be at least join_jitter_ms")
        if self.silent_after_ms < 0 or not 1 <= self.silent_after_shots <= 10_000:
            raise ValueError("silent_after_ms must not be negative, silent_after_shots must lie between 1 and 10,000")
        if self.wild_ms <= 2 * self.join_jitter_ms:
            raise ValueError("wild_ms must be more than twice join_jitter_ms")
        if self.jump_ms < self.wild_ms:
            raise ValueError("jump_ms must be at least wild_ms")
        if self.roster_learning_ms < 0 or self.roster_minimum_records < 1:
            raise ValueError("roster_learning_ms must not be negative, roster_minimum_records must be at least 1")
        if self.max_pending_shots < 1:
            raise ValueError("max_pending_shots must be at least 1")
        if not 0.0 <= self.triplet_fpr < 0.1:
            raise ValueError("triplet_fpr must be at least 0 (off) and below 0.1")
        if self.triplet_time_constant_shots < 100:
            raise ValueError("triplet_time_constant_shots must be at least 100")
        if self.triplet_relearn_after_shots < 0:
            raise ValueError("triplet_relearn_after_shots must not be negative")
