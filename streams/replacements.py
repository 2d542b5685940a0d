"""A file was replaced: decide its shots again, together with what other files say about them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from connectors.snapshots.manifest import Manifest
from connectors.state.commit import SupersededRows
from connectors.state.reader import StateReader
from models.devices import Device, Stage, parse_device
from models.event_time import MILLISECOND_NS, SECOND_NS
from models.records import SourceReference
from models.results import Outcome, ScoredBlock
from models.triplets.decided import OUTCOME_CODES, DecidedBlock, decide_alone, select_rows
from streams.watch_pipeline import PipelineOutput, WatchPipeline

# Outcomes that a second decision never changes: such a record is a copy of one that counts elsewhere, or was no shot's.
_FINAL = [OUTCOME_CODES[outcome] for outcome in (Outcome.DUPLICATE, Outcome.LATE, Outcome.UNEXPECTED)]

# More than any jitter between the records of a shot.
_MARGIN_NS = 10 * SECOND_NS


def touched_stretch(manifest: Manifest, state: StateReader) -> tuple[list[Stage], int, int]:
    """The stages whose shots a replacing file touches, and the event times (from, and before) of its records.

    Both contents count: the new one, and the one whose rows become void.
    """
    rows = _void_rows(manifest.source, state)
    stages = {device.stage for device in map(parse_device, manifest.records) if device.joins}
    stages |= {block.scored.device.stage for block in rows}
    times = [time_ns for time_ns in (manifest.first_ns, manifest.last_ns) if time_ns is not None]
    times += [int(time_ns) for block in rows for time_ns in block.scored.event_time_ns[[0, -1]]]
    if not times:
        return sorted(stages), 0, 0
    return sorted(stages), min(times) - _MARGIN_NS, max(times) + _MARGIN_NS


def decide_again(
    scored: list[ScoredBlock], new: SourceReference, state: StateReader, pipeline: WatchPipeline
) -> tuple[PipelineOutput, list[SupersededRows]]:
    """Join the replacing rows with the rows of other files that were decided for the same shots.

    Nothing of ``touched_stretch`` may wait in a live join.

    Parameters
    ----------
    scored
        Rows of the new content, scored without learning; the rest of it may have been decided before, or follow later.
    new
        The new content; rows of other contents of the same file are void with the commit.

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
    # Also the stages that only the old content has records of: their shots have lost them.
    void: dict[Stage, list[NDArray[np.int64]]] = {}
    for row in _void_rows(new, state):
        void.setdefault(row.scored.device.stage, []).append(row.scored.event_time_ns)
    for stage in sorted({*by_stage, *void}):
        blocks = by_stage.get(stage, [])
        touched = np.unique(np.concatenate([*(block.event_time_ns for block in blocks), *void.get(stage, [])]))
        live = pipeline.stage_join(stage)
        jitter_ns = round(live.settings.join_jitter_ms * MILLISECOND_NS)
        others = _decided_before({*live.devices, *(block.device for block in blocks)}, touched, jitter_ns, new, state)
        join = live.for_replacement()
        for block in [*blocks, *others]:
            join.add(block)
        output.add_join(join.finish())
        superseded += _superseded(others)
        triplets = state.triplet_times(stage, int(touched[0]) - jitter_ns, int(touched[-1]) + jitter_ns + 1)
        superseded.append(SupersededRows(stage, triplets[_near(triplets, touched, jitter_ns)]))
    return output, superseded


def _void_rows(new: SourceReference, state: StateReader) -> list[DecidedBlock]:
    """The rows of joining devices that count now and will be void: those of the file's earlier content."""
    old = state.counted_file(new.file)
    if old is None or old.sha256 == new.sha256 or old.first_ns is None or old.last_ns is None:
        return []
    rows = state.rows_of_file(SourceReference(file=old.path, sha256=old.sha256), old.first_ns, old.last_ns + 1)
    return [row for row in rows if row.scored.device.joins]


def _decided_before(
    devices: set[Device], touched: NDArray[np.int64], jitter_ns: int, new: SourceReference, state: StateReader
) -> list[ScoredBlock]:
    """The records of touched shots that count on and may be decided anew: of other files, and of this content."""
    rows = state.rows_between(devices, int(touched[0]) - jitter_ns, int(touched[-1]) + jitter_ns + 1)
    found = []
    for row in rows:
        if row.scored.source.file == new.file and row.scored.source.sha256 != new.sha256:
            continue
        wanted = _near(row.scored.event_time_ns, touched, jitter_ns) & ~np.isin(row.outcome, _FINAL)
        if wanted.any():
            found.append(replace(select_rows(row.scored, np.flatnonzero(wanted)), replacement=True))
    return found


def _superseded(blocks: list[ScoredBlock]) -> list[SupersededRows]:
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
