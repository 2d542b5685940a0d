"""The join of one stage: records of its devices in, shots out, by event time alone."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.alerts.alert import AlertEvent
from models.devices import Device, Stage
from models.results import ScoredBlock
from models.state import State
from models.triplets.decided import TRIPLET_COLUMNS, DecidedBlock, TripletTable
from models.triplets.join_settings import JoinSettings
from models.triplets.pending import without_join_reasons
from models.triplets.roster import Roster
from models.triplets.shot_batch import ShotBatch
from models.triplets.shot_matcher import ShotMatcher
from models.triplets.stage_alerts import StageAlerts
from models.triplets.triplet_models import TripletModels
from models.triplets.verdict import JOIN_REASONS, decide_rows, judge, triplet_table

__all__ = ["JoinOutput", "JoinSettings", "StageJoin"]


@dataclass(slots=True)
class JoinOutput:
    """What has left a stage's join.

    Attributes
    ----------
    triplets
        One row for each shot, in the order of event time.
    forced_shots
        How many shots had to leave because too many were waiting.
    """

    triplets: TripletTable
    decided: list[DecidedBlock] = field(default_factory=list)
    alerts: list[AlertEvent] = field(default_factory=list)
    forced_shots: int = 0


class StageJoin:
    """The shots of one stage: a state machine over event time, without a clock.

    Records go in with ``add`` in any cut; each device's own records come in the order of their event times (what its
    device stage lets through does), different devices in any interleaving. ``decide`` gives all that can leave. Every
    record leaves exactly once, with one outcome:

    - ``triplet`` or ``incomplete``: a valid record of a firing shot;
    - ``idle``: a valid record of a shot at which no camera saw beam and no meter measured energy, or one refused only
      because there was nothing to measure; ``invalid``: any other refused one;
    - ``duplicate`` or ``late``: so the device stage said, or its shot has left (with or without this record);
    - ``unexpected``: the device is no member of the roster at that time, its shot has another record of it already, or
      its time is wild.
    """

    def __init__(self, stage: Stage, settings: JoinSettings | None = None, *, replacing: bool = False) -> None:
        self._stage = stage
        self._settings = settings or JoinSettings()
        self._replacing = replacing
        self._matcher = ShotMatcher(stage, self._settings)
        self._alerts = StageAlerts(stage, self._settings, silence=not replacing)
        self._models = TripletModels(stage, self._settings)

    @property
    def stage(self) -> Stage:
        """Whose records are joined."""
        return self._stage

    @property
    def settings(self) -> JoinSettings:
        """How they are joined."""
        return self._settings

    @property
    def devices(self) -> list[Device]:
        """All that have been heard of or are expected, by name."""
        return self._matcher.devices

    @property
    def roster(self) -> Roster:
        """Whom the stage expects."""
        return self._matcher.roster

    def for_replacement(self) -> "StageJoin":
        """A join for the rows of a file that replaces another, and for those decided rows that share its shots.

        It has this one's roster and triplet models, learns nothing, calls nothing late or silent, and forgets what an
        earlier join found. Its shots leave with ``finish``.
        """
        other = StageJoin(self._stage, self._settings, replacing=True)
        if self.roster.settled:
            other.roster.restore(self.roster.state())
        other._models.restore(self._models.state())
        return other

    def add(self, block: ScoredBlock) -> None:
        """Take in consecutive rows of one device.

        Raises
        ------
        ValueError
            If the device does not join in this stage, or the block replaces others and this is the live join.
        """
        if block.device.stage != self._stage or not block.device.joins:
            raise ValueError(f"{block.device} does not belong into the join of {self._stage}")
        if self._replacing:
            block = without_join_reasons(block, int(JOIN_REASONS))
        elif block.replacement:
            raise ValueError("rows that replace others go into a join made by for_replacement")
        self._matcher.add(block)

    def announce(self, device: Device) -> None:
        """Records of this device are on their way, perhaps behind those of others: the roster is learned with it."""
        self._matcher.announce(device)

    def advance(self, device: Device, until_ns: int) -> None:
        """The device has reported all that it has up to ``until_ns``, a time that no single record says."""
        self._matcher.frontier(device).advance(until_ns)

    def silence(self, device: Device) -> None:
        """Wait for this device no more, until it reports again."""
        self._matcher.frontier(device).silent = True

    def accept_baseline(self, device: Device, from_ns: int) -> None:
        """What the device shows from this time on is its reference: triplets with it are learned anew."""
        self._models.accept_baseline(device, from_ns)

    def decide(self) -> JoinOutput:
        """Everything that can leave now."""
        return self._decide(final=False)

    def finish(self) -> JoinOutput:
        """The input has ended: everything leaves, and every episode is closed."""
        output = self._decide(final=True)
        output.alerts += self._alerts.finish()
        return output

    def waits_between(self, from_ns: int, to_ns: int) -> bool:
        """Whether a record with an event time in ``from_ns <= t < to_ns`` has come and not left."""
        return self._matcher.waits_between(from_ns, to_ns)

    def pending_records(self) -> dict[tuple[str, str], int]:
        """How many records have come and not left, by file and sha256."""
        return self._matcher.pending_records()

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "matcher": self._matcher.state(),
            "alerts": self._alerts.state(),
            "triplet_models": self._models.state(),
        }

    def state_without_waiting(self) -> State:
        """The state of a join that knows what this one knows, in which no record waits: for decisions elsewhere."""
        state = self.state()
        state["matcher"] |= {"pending": [], "turned_away": []}
        return state

    def restore(self, state: State) -> None:
        """Go on from a saved state; one of a program without triplet models has none, and they are learned anew."""
        self._matcher.restore(state["matcher"])
        self._alerts.restore(state["alerts"])
        self._models.restore(state.get("triplet_models", {"models": []}))

    def _decide(self, *, final: bool) -> JoinOutput:
        output = JoinOutput(_no_triplets(self._stage))
        tables: list[TripletTable] = []
        while (batch := self._matcher.take(final=final)) is not None:
            self._let_go(batch, output, tables)
        while (forced_ns := self._matcher.overflow_ns()) is not None:
            batch = self._matcher.take(final=False, forced_ns=forced_ns)
            if batch is None:
                break
            output.forced_shots += len(batch)
            self._let_go(batch, output, tables)
        output.decided += self._matcher.take_turned_away()
        if tables:
            output.triplets = tables[0] if len(tables) == 1 else _joined(tables)
        return output

    def _let_go(self, batch: ShotBatch, output: JoinOutput, tables: list[TripletTable]) -> None:
        verdict = judge(batch, self.roster, self._models, learn=not self._replacing)
        output.decided += decide_rows(batch, verdict)
        output.alerts += self._alerts.observe(batch, verdict)
        tables.append(triplet_table(self._stage, batch, verdict))


def _no_triplets(stage: Stage) -> TripletTable:
    columns: dict[str, Any] = {name: np.zeros(0, dtype) for name, dtype in TRIPLET_COLUMNS.items()}
    return TripletTable(stage=stage, missing_devices=(), **columns)


def _joined(tables: list[TripletTable]) -> TripletTable:
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables]) for name in TRIPLET_COLUMNS
    }
    missing = tuple(name for table in tables for name in table.missing_devices)
    return TripletTable(stage=tables[0].stage, missing_devices=missing, **columns)
