"""A file was replaced: decide its shots again, together with what other files say about them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from connectors.state.commit import SupersededRows
from connectors.state.reader import StateReader
from models.devices import Device, Stage
from models.event_time import MILLISECOND_NS
from models.records import SourceReference
from models.results import Outcome, ScoredBlock
from models.triplets.decided import OUTCOME_CODES, DecidedBlock, decide_alone, select_rows
from models.triplets.stage_join import StageJoin
from streams.watch_pipeline import PipelineOutput, WatchPipeline

# Outcomes that a second decision never changes: such a record is a copy of one that counts elsewhere, or was no shot's.
_FINAL = [OUTCOME_CODES[outcome] for outcome in (Outcome.DUPLICATE, Outcome.LATE, Outcome.UNEXPECTED)]


def decide_again(
    scored: list[ScoredBlock], old: SourceReference, state: StateReader, pipeline: WatchPipeline
) -> tuple[PipelineOutput, list[SupersededRows]] | None:
    """Join the replacing rows with the rows of other files that were decided for the same shots.

    Parameters
    ----------
    scored
        The rows of the new content, scored without learning.
    old
        The content that they replace; its rows are void with the commit.

    Returns
    -------
    tuple
        The new decisions, and the decisions of other files' records that they replace; None while a shot of these
        stages and times still waits in its live join.
    """
    output = PipelineOutput()
    superseded: list[SupersededRows] = []
    by_stage: dict[Stage, list[ScoredBlock]] = {}
    for block in scored:
        if block.device.joins:
            by_stage.setdefault(block.device.stage, []).append(block)
        else:
            output.decided.append(decide_alone(block))
    for stage, blocks in sorted(by_stage.items()):
        touched = _touched_shots(pipeline.stage_join(stage), blocks, old, state)
        if touched is None:
            return None
        join = pipeline.stage_join(stage).for_replacement()
        for block in [*blocks, *touched.others]:
            join.add(block)
        output.add_join(join.finish())
        superseded += touched.superseded(stage)
    return output, superseded


@dataclass(frozen=True, slots=True)
class _TouchedShots:
    """What was decided before about the shots of a stage that a replacement touches."""

    others: list[ScoredBlock]
    triplet_times: NDArray[np.int64]

    def superseded(self, stage: Stage) -> list[SupersededRows]:
        times: dict[Device, list[NDArray[np.int64]]] = {}
        for block in self.others:
            times.setdefault(block.device, []).append(block.event_time_ns)
        rows = [SupersededRows(device, np.concatenate(parts)) for device, parts in times.items()]
        return [*rows, SupersededRows(stage, self.triplet_times)]


def _touched_shots(
    live: StageJoin, blocks: list[ScoredBlock], old: SourceReference, state: StateReader
) -> _TouchedShots | None:
    """The shots that the new or the old content has a record of; None while one of them waits in the live join."""
    jitter_ns = round(live.settings.join_jitter_ms * MILLISECOND_NS)
    replaced = state.known_file(old.file)
    bounds = [int(t) for block in blocks for t in (block.event_time_ns.min(), block.event_time_ns.max())]
    bounds += [t for t in (replaced.first_ns, replaced.last_ns) if t is not None] if replaced else []
    from_ns, to_ns = min(bounds) - jitter_ns, max(bounds) + jitter_ns + 1
    if live.waits_between(from_ns, to_ns):
        return None
    devices = {block.device for block in blocks} | set(live.devices)
    rows = state.rows_between(devices, from_ns, to_ns)
    times = [block.event_time_ns for block in blocks]
    times += [row.scored.event_time_ns for row in rows if row.scored.source.file == old.file]
    touched = np.unique(np.concatenate(times))
    others = [_still_open(row, touched, jitter_ns) for row in rows if row.scored.source.file != old.file]
    triplets = state.triplet_times(live.stage, from_ns, to_ns)
    return _TouchedShots([block for block in others if len(block)], triplets[_near(triplets, touched, jitter_ns)])


def _still_open(row: DecidedBlock, touched: NDArray[np.int64], jitter_ns: int) -> ScoredBlock:
    """The records of a block that belong to touched shots and may be decided anew."""
    wanted = _near(row.scored.event_time_ns, touched, jitter_ns) & ~np.isin(row.outcome, _FINAL)
    return replace(select_rows(row.scored, np.flatnonzero(wanted)), replacement=True)


def _near(times: NDArray[np.int64], sorted_times: NDArray[np.int64], within_ns: int) -> NDArray[np.bool_]:
    """bool, shape of ``times``: whether one of ``sorted_times`` is at most ``within_ns`` away."""
    first = np.searchsorted(sorted_times, times - within_ns, side="left")
    beyond = np.searchsorted(sorted_times, times + within_ns, side="right")
    near: NDArray[np.bool_] = first < beyond
    return near
