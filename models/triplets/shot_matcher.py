"""Which records wait for which, who is waited for, and which shots leave."""

from collections.abc import Iterable
from operator import attrgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.devices import Device, Stage
from models.event_time import MILLISECOND_NS
from models.results import Admission, Outcome, ScoredBlock
from models.state import State
from models.triplets.block_state import (
    decode_block,
    decode_decided,
    decode_device,
    encode_block,
    encode_decided,
    encode_device,
)
from models.triplets.decided import OUTCOME_CODES, DecidedBlock, outcome_of_unjoined, select_rows
from models.triplets.frontier import FOREVER_NS, NEVER_NS, Frontier
from models.triplets.join_settings import JoinSettings
from models.triplets.leaving import LeavingRule, leaving_shots
from models.triplets.pending import PendingRecords
from models.triplets.roster import Roster
from models.triplets.shot_batch import DeviceRows, ShotBatch
from models.triplets.shots import ShotClusters, cluster_shots, nominal_period_ns
from models.triplets.verdict import outcome_of_unexpected

# The shot period is the median of the gaps between the last shots.
_RECENT_SHOTS = 9
_FEWEST_RECENT_SHOTS = 5
# A step or a gap of so many periods is nothing unusual.
_USUAL_PERIODS = 5

_LATE = np.uint8(OUTCOME_CODES[Outcome.LATE])
_DUPLICATE = np.uint8(OUTCOME_CODES[Outcome.DUPLICATE])
_NAME = attrgetter("name")

Value = TypeVar("Value")


class ShotMatcher:
    """Sorts the records of one stage into shots and lets these go in the order of their event times."""

    def __init__(self, stage: Stage, settings: JoinSettings) -> None:
        self._stage = stage
        self._settings = settings
        self._jitter_ns = round(settings.join_jitter_ms * MILLISECOND_NS)
        self._lateness_ns = settings.join_lateness_ms * MILLISECOND_NS
        self.roster = Roster(
            stage,
            configured=settings.roster,
            learning_ns=settings.roster_learning_ms * MILLISECOND_NS,
            minimum_records=settings.roster_minimum_records,
        )
        self._frontiers: dict[Device, Frontier] = {}
        self._announced: set[Device] = set()
        self._pending: dict[Device, PendingRecords] = {}
        self._turned_away: list[DecidedBlock] = []  # decided without a shot
        self._recent_ns: list[int] = []  # the last shots that have left
        self._takers: dict[str, int] = {}  # who took part in the very last one, and when
        self._nominal_period_ns = 0

    @property
    def devices(self) -> list[Device]:
        """All that have been heard of or are expected, by name."""
        return sorted({*self._frontiers, *self.roster.members}, key=_NAME)

    def frontier(self, device: Device) -> Frontier:
        """Up to when the device has reported."""
        own = self._frontiers.get(device)
        if own is None:
            settings = self._settings
            own = Frontier(settings.jump_ms * MILLISECOND_NS, settings.roster_learning_ms * MILLISECOND_NS)
            self._frontiers[device] = own
        return own

    def announce(self, device: Device) -> None:
        """Records of this device are on their way: the roster is not settled before it has reported."""
        if not self.roster.settled:
            self._announced.add(device)

    def add(self, block: ScoredBlock) -> None:
        """Take in consecutive rows of one device."""
        accepted = block.admission == Admission.ACCEPTED
        if not accepted.all():
            self._turn_away(select_rows(block, np.flatnonzero(~accepted)), outcome_of_unjoined(block)[~accepted])
            block = select_rows(block, np.flatnonzero(accepted))
        if not len(block):
            return
        device, times, period_ns = block.device, block.event_time_ns, nominal_period_ns(block.interval_hz)
        self._nominal_period_ns = max(self._nominal_period_ns, period_ns)
        self.frontier(device).observe(times, self._usual_ns(period_ns))
        unexpected = self.roster.admit(device, times, period_ns)
        late = int(np.searchsorted(times, self._previous_ns + self._jitter_ns, side="right"))
        gone = max(unexpected, late)
        if gone:
            away = select_rows(block, slice(0, gone))
            outcome = outcome_of_unexpected(away.refusal)
            outcome[unexpected:] = self._outcome_behind(device, times[unexpected:gone], outcome[unexpected:])
            self._turn_away(away, outcome)
            block = select_rows(block, slice(gone, None))
        self._pending.setdefault(device, PendingRecords()).add(block)

    def take(self, *, final: bool, forced_ns: int = NEVER_NS) -> ShotBatch | None:
        """The oldest shots that can leave; None if none can.

        Parameters
        ----------
        final
            Nothing more will come: every shot leaves.
        forced_ns
            Shots up to this time leave even if somebody is still waited for.
        """
        if not self.roster.settled and not self._settle(force=final or forced_ns > NEVER_NS):
            return None
        first = [pending.times[0] for pending in self._pending.values() if len(pending)]
        if not first:
            return None
        head_ns = int(min(first))
        awaited, until_ns = self.roster.awaited(head_ns)
        limit_ns = FOREVER_NS if final else max(self._watermark(awaited) - self._lateness_ns - 1, forced_ns)
        horizon_ns = min(max(limit_ns, self._all_reported_until(awaited)), until_ns)
        if head_ns > horizon_ns:
            return None
        devices = sorted({*awaited, *(device for device, own in self._pending.items() if len(own))}, key=_NAME)
        is_awaited = np.isin(np.arange(len(devices)), [devices.index(device) for device in awaited])
        times = [self._times_until(device, horizon_ns + self._jitter_ns) for device in devices]
        clusters = cluster_shots(times, self._jitter_ns)
        shots = int(np.searchsorted(clusters.start_ns, horizon_ns, side="right"))
        reported = clusters.present[:shots, is_awaited].sum(axis=1)
        next_ns = self._next_ns(clusters, shots, devices, times)
        rule = self._rule(limit_ns, at_once=final or forced_ns > NEVER_NS)
        count, wild = leaving_shots(clusters.start_ns[:shots], reported, len(awaited), next_ns, rule)
        return self._take_batch(clusters, count, wild, devices, is_awaited) if count else None

    def overflow_ns(self) -> int | None:
        """The time up to which shots must leave because too many wait; None if they don't."""
        limit = self._settings.max_pending_shots
        longest = max((own for _, own in _by_name(self._pending.items())), key=len, default=None)
        if longest is None or len(longest) <= limit:
            return None
        return int(longest.times[len(longest) - limit - 1])

    def take_turned_away(self) -> list[DecidedBlock]:
        """Records that were decided without a shot since the last call."""
        turned_away, self._turned_away = self._turned_away, []
        return turned_away

    def waits_between(self, from_ns: int, to_ns: int) -> bool:
        """Whether a record with an event time in ``from_ns <= t < to_ns`` has come and not left."""
        waiting = [own.times for own in self._pending.values()]
        waiting += [block.scored.event_time_ns for block in self._turned_away]
        return any(bool(((times >= from_ns) & (times < to_ns)).any()) for times in waiting)

    def pending_records(self) -> dict[tuple[str, str], int]:
        """How many records have come and not left, by file and sha256."""
        counts: dict[tuple[str, str], int] = {}
        waiting = [own.counts() for own in self._pending.values()]
        waiting += [{(b.scored.source.file, b.scored.source.sha256): len(b)} for b in self._turned_away]
        for own in waiting:
            for key, count in own.items():
                counts[key] = counts.get(key, 0) + count
        return counts

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "roster": self.roster.state(),
            "announced": [encode_device(device) for device in sorted(self._announced)],
            "frontiers": [[encode_device(d), own.state()] for d, own in _by_name(self._frontiers.items())],
            "pending": [encode_block(part) for _, own in _by_name(self._pending.items()) for part in own.parts()],
            "turned_away": [encode_decided(block) for block in self._turned_away],
            "recent_ns": list(self._recent_ns),
            "takers": dict(self._takers),
            "nominal_period_ns": self._nominal_period_ns,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self.roster.restore(state["roster"])
        self._announced = {decode_device(saved, self._stage) for saved in state.get("announced", ())}
        self._frontiers, self._pending = {}, {}
        for saved, own in state["frontiers"]:
            self.frontier(decode_device(saved, self._stage)).restore(own)
        for saved in state["pending"]:
            block = decode_block(saved, self._stage)
            self._pending.setdefault(block.device, PendingRecords()).add(block)
        self._turned_away = [decode_decided(saved, self._stage) for saved in state["turned_away"]]
        self._recent_ns = [int(time_ns) for time_ns in state["recent_ns"]]
        self._takers = {name: int(time_ns) for name, time_ns in state["takers"].items()}
        self._nominal_period_ns = int(state["nominal_period_ns"])

    @property
    def _previous_ns(self) -> int:
        return self._recent_ns[-1] if self._recent_ns else NEVER_NS

    def _turn_away(self, block: ScoredBlock, outcome: NDArray[np.uint8]) -> None:
        self._turned_away.append(DecidedBlock(block, outcome, block.reasons, block.anomalous))

    def _outcome_behind(
        self, device: Device, times: NDArray[np.int64], outcome: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """The outcomes of records whose shot has left; ``outcome`` is what those get that come too many."""
        if not self.roster.expects(device, self._previous_ns):
            return outcome  # expected since a moment within the jitter of that shot
        own_ns = self._takers.get(device.name)
        if own_ns is None:
            return np.full(len(times), _LATE)
        behind = np.where(times < self._previous_ns, _LATE, outcome)
        behind[times == own_ns] = _DUPLICATE
        return behind

    def _rule(self, limit_ns: int, *, at_once: bool) -> LeavingRule:
        period_ns = self._period()
        wild_ns = self._usual_ns(period_ns)
        return LeavingRule(
            limit_ns=limit_ns,
            doubt_limit_ns=limit_ns if at_once else limit_ns - wild_ns,
            period_ns=period_ns,
            wild_ns=wild_ns,
            previous_ns=self._previous_ns,
        )

    def _settle(self, *, force: bool) -> bool:
        """Fix the roster once everyone heard of has reported beyond the learning time."""
        heard = {device: own.times for device, own in _by_name(self._pending.items()) if len(own)}
        if not heard:
            return False
        often = {d: times for d, times in heard.items() if len(times) >= self._settings.roster_minimum_records}
        period_ns = self._nominal_period_ns
        end_ns = self.roster.learning_ends(often or heard, period_ns, self._usual_ns(period_ns))
        if not force and self._watermark({*(often or heard), *self._announced}) <= end_ns + self._lateness_ns:
            return False
        self.roster.settle(heard, end_ns)
        self._announced.clear()
        for device, times in heard.items():
            for block in self._pending[device].take(self.roster.admit(device, times, period_ns)):
                self._turn_away(block, outcome_of_unexpected(block.refusal))
        return True

    def _watermark(self, devices: Iterable[Device]) -> int:
        """Event time up to which all these have reported, but for the silent ones."""
        frontiers = [self.frontier(device) for device in devices]
        return min((own.time_ns for own in frontiers if not own.silent), default=FOREVER_NS)

    def _all_reported_until(self, awaited: list[Device]) -> int:
        """No shot behind this time can be complete now."""
        waiting = [self._pending.get(device) for device in awaited]
        return min(
            (int(own.times[-1]) if own is not None and len(own) else NEVER_NS for own in waiting), default=NEVER_NS
        )

    def _times_until(self, device: Device, until_ns: int) -> NDArray[np.int64]:
        own = self._pending.get(device)
        if own is None:
            return np.zeros(0, np.int64)
        return own.times[: np.searchsorted(own.times, until_ns, side="right")]

    def _next_ns(
        self, clusters: ShotClusters, shots: int, devices: list[Device], times: list[NDArray[np.int64]]
    ) -> int:
        """The first record behind the first ``shots`` shots."""
        if shots < len(clusters.start_ns):
            return int(clusters.start_ns[shots])
        behind = [
            int(self._pending[device].times[len(own)])
            for device, own in zip(devices, times, strict=True)
            if device in self._pending and len(own) < len(self._pending[device])
        ]
        return min(behind, default=FOREVER_NS)

    def _take_batch(
        self,
        clusters: ShotClusters,
        count: int,
        wild: NDArray[np.bool_],
        devices: list[Device],
        is_awaited: NDArray[np.bool_],
    ) -> ShotBatch:
        batch = ShotBatch(clusters.start_ns[:count], ~wild, [])
        for place, device in enumerate(devices):
            rows = int(np.searchsorted(clusters.shot[place], count))
            shot = clusters.shot[place][:rows]
            taken = clusters.taken[place][:rows] & batch.real[shot] & is_awaited[place]
            parts = self._pending[device].take(rows) if rows else []
            batch.rows.append(DeviceRows(device, parts, shot, taken, awaited=bool(is_awaited[place])))
        real = np.flatnonzero(batch.real)
        if len(real):
            self._recent_ns = [*self._recent_ns, *batch.start_ns[real[-_RECENT_SHOTS:]].tolist()][-_RECENT_SHOTS:]
            places = [(rows, rows.row_of(int(real[-1]))) for rows in batch.rows]
            self._takers = {r.device.name: int(r.event_time_ns[row]) for r, row in places if row is not None}
        return batch

    def _period(self) -> int:
        """The stage's shot period as it was lately, else as its folder says; 0 if unknown."""
        if len(self._recent_ns) < _FEWEST_RECENT_SHOTS:
            return self._nominal_period_ns
        return int(np.median(np.diff(self._recent_ns)))

    def _usual_ns(self, period_ns: int) -> int:
        return max(self._settings.wild_ms * MILLISECOND_NS, _USUAL_PERIODS * period_ns)


def _by_name(items: Iterable[tuple[Device, Value]]) -> list[tuple[Device, Value]]:
    return sorted(items, key=lambda item: item[0].name)
