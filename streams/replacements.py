"""A file was replaced: decide its shots again, together with what other files say about them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.state.commit import FileRecord, SupersededRows
from connectors.state.reader import StateReader
from models.devices import Device, Stage
from models.event_time import MILLISECOND_NS, MINUTE_NS
from models.records import SourceReference
from models.results import Outcome, ScoredBlock
from models.triplets.decided import OUTCOME_CODES, DecidedBlock, decide_alone, select_rows
from models.triplets.stage_join import StageJoin
from streams.watch_pipeline import PipelineOutput, WatchPipeline

# Outcomes that a second decision never changes: such a record is a copy of one that counts elsewhere, or was no shot's.
_FINAL = [OUTCOME_CODES[outcome] for outcome in (Outcome.DUPLICATE, Outcome.LATE, Outcome.UNEXPECTED)]
# Times further apart than this are looked up one by one: a wild one must not make a year of rows be read.
_GAP_NS = 10 * MINUTE_NS


class TimedBlock(Protocol):
    """Records of one device, of which only the times matter here."""

    @property
    def device(self) -> Device:
        """Who recorded."""
        ...

    @property
    def event_time_ns(self) -> NDArray[np.int64]:
        """int64, shape (n,)."""
        ...


class JoinsOfStages(Protocol):
    """Where the joins of the stages are found, as they stand when shots are decided again."""

    def stage_join(self, stage: Stage) -> StageJoin:
        """The join of a stage."""
        ...


@dataclass(frozen=True, slots=True)
class TouchedShots:
    """The shots that replacing records belong to, or that the records belonged to which are void with them.

    Attributes
    ----------
    new
        The content that replaces; all other contents of the same file are void.
    old
        The content that counted until now; None when nothing of it does.
    times
        int64, ascending, by stage: the event times of the new records and of the void ones.
    """

    new: SourceReference
    old: SourceReference | None
    times: Mapping[Stage, NDArray[np.int64]]

    def wait_in(self, pipeline: WatchPipeline) -> bool:
        """Whether one of them waits in a live join, which is to decide it first."""
        if self.old is not None and pipeline.pending_records().get(self.old):
            return True
        return any(
            pipeline.stage_join(stage).waits_between(from_ns, to_ns)
            for stage, times in self.times.items()
            for from_ns, to_ns in _stretches(times, _jitter_ns(stage, pipeline))
        )


def touched_shots(blocks: Iterable[TimedBlock], new: SourceReference, state: StateReader) -> TouchedShots:
    """The shots that some blocks of a replacing file touch.

    The rows that become void are those that still count: with the first part of a file that is committed, all of them.
    """
    times: dict[Stage, list[NDArray[np.int64]]] = {}
    for block in blocks:
        if block.device.joins:
            times.setdefault(block.device.stage, []).append(block.event_time_ns)
    counted = state.counted_file(new.file)
    old = None
    if counted is not None and counted.sha256 != new.sha256:
        old = SourceReference(file=counted.path, sha256=counted.sha256)
        for row in _rows_of(counted, state):
            if row.scored.device.joins:
                times.setdefault(row.scored.device.stage, []).append(row.scored.event_time_ns)
    return TouchedShots(new, old, {stage: np.unique(np.concatenate(times[stage])) for stage in sorted(times)})


def decide_again(
    scored: list[ScoredBlock], touched: TouchedShots, state: StateReader, joins: JoinsOfStages
) -> tuple[PipelineOutput, list[SupersededRows]]:
    """Join the replacing rows with the rows of other files that were decided for the same shots.

    None of the touched shots may wait in a live join.

    Parameters
    ----------
    scored
        Rows of the new content, scored without learning; the rest of it may have been decided before, or follow later.

    Returns
    -------
    tuple
        The new decisions, and the earlier decisions about records of other files, and about shots, that they replace.
    """
    output = PipelineOutput()
    superseded: list[SupersededRows] = []
    by_stage: dict[Stage, list[ScoredBlock]] = {}
    for block in scored:
        if block.device.joins:
            by_stage.setdefault(block.device.stage, []).append(block)
        else:
            output.decided.append(decide_alone(block))
    for stage, times in touched.times.items():
        blocks = by_stage.get(stage, [])
        live, jitter_ns = joins.stage_join(stage), _jitter_ns(stage, joins)
        join = live.for_replacement()
        for block in blocks:
            join.add(block)
        devices = {*live.devices, *(block.device for block in blocks)}
        for from_ns, to_ns in _stretches(times, jitter_ns):
            others = [
                _still_open(row, times, jitter_ns)
                for row in state.rows_between(devices, from_ns, to_ns)
                if _counts_on(row.scored.source, touched.new)
            ]
            for other in others:
                join.add(other)
            superseded += _superseded(others)
            triplets = state.triplet_times(stage, from_ns, to_ns)
            superseded.append(SupersededRows(stage, triplets[_near(triplets, times, jitter_ns)]))
        output.add_join(join.finish())
    return output, superseded


def _rows_of(record: FileRecord, state: StateReader) -> list[DecidedBlock]:
    if record.first_ns is None or record.last_ns is None:
        return []
    source = SourceReference(file=record.path, sha256=record.sha256)
    return state.rows_of_file(source, record.first_ns, record.last_ns + 1)


def _jitter_ns(stage: Stage, joins: JoinsOfStages) -> int:
    return round(joins.stage_join(stage).settings.join_jitter_ms * MILLISECOND_NS)


def _stretches(times: NDArray[np.int64], margin_ns: int) -> Iterator[tuple[int, int]]:
    """The stretches (from, and before) in which ascending times lie, without the long gaps between them."""
    if len(times):
        breaks = np.flatnonzero(np.diff(times) > _GAP_NS) + 1
        for part in np.split(times, breaks):
            yield int(part[0]) - margin_ns, int(part[-1]) + margin_ns + 1


def _counts_on(source: SourceReference, new: SourceReference) -> bool:
    """Whether rows are of another file, or of the same content: of an earlier part of it."""
    return source.file != new.file or source.sha256 == new.sha256


def _still_open(row: DecidedBlock, touched: NDArray[np.int64], jitter_ns: int) -> ScoredBlock:
    """The records of a block that belong to touched shots and may be decided anew."""
    wanted = _near(row.scored.event_time_ns, touched, jitter_ns) & ~np.isin(row.outcome, _FINAL)
    return replace(select_rows(row.scored, np.flatnonzero(wanted)), replacement=True)


def _superseded(blocks: Iterable[ScoredBlock]) -> list[SupersededRows]:
    times: dict[Device, list[NDArray[np.int64]]] = {}
    for block in blocks:
        times.setdefault(block.device, []).append(block.event_time_ns)
    return [SupersededRows(device, np.concatenate(parts)) for device, parts in times.items()]


def _near(times: NDArray[np.int64], sorted_times: NDArray[np.int64], within_ns: int) -> NDArray[np.bool_]:
    """bool, shape of ``times``: whether one of ``sorted_times`` is at most ``within_ns`` away."""
    first = np.searchsorted(sorted_times, times - within_ns, side="left")
    beyond = np.searchsorted(sorted_times, times + within_ns, side="right")
    near: NDArray[np.bool_] = first < beyond
    return near
