"""The runner without a server: reads files, runs the pipeline on threads, commits unit by unit.

Three things go on side by side: one thread reads ahead, the device stages run on a pool of threads, and the caller's
thread joins, alerts and commits. Units are committed strictly in the order in which their files were given, and with
each unit the states right after it, so that a run that was killed goes on as if nothing had happened.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertEvent, AlertKind, AlertStatus
from models.alerts.file_alerts import snapshot_alert
from models.devices import Device
from models.errors import RecordError, RetryableError
from models.records import SourceReference
from models.results import ScoredBlock
from models.snapshot_sequence import SnapshotSequence
from models.state import State, decode_state, encode_state
from streams.commit_builder import CommitBuilder
from streams.device_strands import DeviceStrands
from streams.metrics import WatchMetrics
from streams.replacements import decide_again
from streams.series_progress import SeriesProgress
from streams.settings import Settings
from streams.watch_pipeline import DeviceRun, PipelineOutput, WatchPipeline, device_key
from streams.work_units import FileHistory, WorkUnit, read_units

#: Units that are processed ahead of the one that is committed next: bounds the memory.
_UNITS_AHEAD = 4
_RUNNER_KEY = "runner"


@dataclass(slots=True)
class _Job:
    """A unit whose devices are being worked on."""

    unit: WorkUnit
    runs: dict[Device, "Future[DeviceRun]"]

    def results(self) -> dict[Device, DeviceRun]:
        """What the devices gave, in the order of their names: the order in which the threads ended changes nothing."""
        return {device: self.runs[device].result() for device in sorted(self.runs)}


class EmbeddedRunner:
    """Processes files one after another and makes what they gave durable.

    Parameters
    ----------
    sequence
        The order of the files, which the caller keeps; its state is saved and restored with everything else.
    """

    def __init__(
        self,
        *,
        state: StateDirectory,
        pipeline: WatchPipeline,
        builder: CommitBuilder,
        sequence: SnapshotSequence[SpoolFile],
        settings: Settings,
        metrics: WatchMetrics,
    ) -> None:
        self._state = state
        self._pipeline = pipeline
        self._builder = builder
        self._sequence = sequence
        self._settings = settings
        self._metrics = metrics
        self._strands = DeviceStrands(settings.worker_threads)
        self._progress = SeriesProgress(settings.zone)
        self._position: State = {}
        self._waiting_replacements: list[_Job] = []
        states = state.load_states()
        pipeline.restore(states)
        if _RUNNER_KEY in states:
            self._restore(decode_state(states[_RUNNER_KEY]))

    def process(self, files: Iterable[SpoolFile]) -> None:
        """Read, process and commit these files in their order; returns when all of it is durable."""
        self.process_units(self._units([(file, self._history(file)) for file in files]))

    def process_units(self, units: Iterator[WorkUnit]) -> None:
        """Process and commit units in their order; they are asked for on a thread of their own, one ahead."""
        jobs: deque[_Job] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
            for unit in _read_ahead(reader, units):
                jobs.append(self._start(unit))
                self._metrics.set_queue_depth(len(jobs), "units")
                while len(jobs) > _UNITS_AHEAD:
                    self._complete(jobs.popleft())
            while jobs:
                self._complete(jobs.popleft())
                self._metrics.set_queue_depth(len(jobs), "units")

    def finish(self) -> None:
        """The input has ended: decide what waits, close what is open, write the results out."""
        self._commit(self._pipeline.finish(), Commit(stage_states=self._pipeline.device_states()))
        self.complete_replacements()
        self.flush_rows()

    def complete_replacements(self) -> None:
        """Decide again what replaced files changed, as far as nothing of it still waits in a join."""
        waiting, self._waiting_replacements = self._waiting_replacements, []
        for job in waiting:
            self._complete_replacement(job)

    def silence(self, series: Iterable[str]) -> None:
        """These recorders deliver nothing any more, by the clock: stop waiting for their devices."""
        for name in series:
            self._pipeline.silence(self._progress.devices(name))
        self._commit(self._pipeline.decide(), Commit())

    def is_done(self, relative: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether this very file has been dealt with to its end."""
        known = self._state.known_file(relative)
        done = known is not None and (known.size_bytes, known.mtime_ns) == (size_bytes, mtime_ns)
        return done and self._position.get("file") != relative

    def flush_rows(self) -> None:
        """Write the buffered rows out as Parquet."""
        self._builder.flush_rows()

    def report(self, alerts: list[AlertEvent], commit: Commit) -> None:
        """Commit alerts that do not come from the pipeline."""
        self._commit(PipelineOutput(alerts=alerts), commit)

    def close(self) -> None:
        """End the threads."""
        self._strands.close()

    def _history(self, file: SpoolFile) -> FileHistory:
        known = self._state.known_file(file.relative)
        if known is None:
            return FileHistory()
        if self._position.get("file") != file.relative:
            return FileHistory(sha256=known.sha256)
        return FileHistory(
            sha256=known.sha256, units_done=int(self._position["units"]), replaced_sha256=known.replaced_sha256
        )

    def _units(self, files: Iterable[tuple[SpoolFile, FileHistory]]) -> Iterator[WorkUnit]:
        settings = self._settings
        for file, history in files:
            yield from read_units(file, history, settings.reading, settings.zone, settings.units)

    def _start(self, unit: WorkUnit) -> _Job:
        self._pipeline.prepare(sorted(unit.blocks))

        def work(device: Device) -> DeviceRun:
            return self._pipeline.run_device(device, unit.blocks[device])

        return _Job(unit, {d: self._strands.submit(d, lambda d=d: work(d)) for d in unit.blocks})  # type: ignore[misc]

    def _complete(self, job: _Job) -> None:
        unit = job.unit
        if unit.refused is not None:
            self._refuse(unit, unit.refused)
        elif unit.unchanged:
            self._skip(unit)
        elif unit.replaced_sha256 is not None:
            self._waiting_replacements.append(job)
            self.complete_replacements()
        else:
            self._accept(job)

    def _accept(self, job: _Job) -> None:
        unit, runs = job.unit, job.results()
        output = self._pipeline.join(_scored(runs))
        if unit.last and unit.manifest is not None:
            devices, until_ns = self._progress.snapshot_read(unit.file, unit.manifest, unit.blocks)
            self._pipeline.advance(devices, until_ns)
        output.extend(self._pipeline.decide())
        self._commit_unit(unit, runs, output, Commit())

    def _complete_replacement(self, job: _Job) -> None:
        unit, runs = job.unit, job.results()
        old = SourceReference(file=unit.file.relative, sha256=unit.replaced_sha256 or "")
        again = decide_again(_scored(runs), old, self._state, self._pipeline)
        if again is None:  # shots of these stages and times still wait in a join
            self._waiting_replacements.append(job)
            return
        output, superseded = again
        self._commit_unit(unit, runs, output, Commit(superseded=superseded))

    def _commit_unit(
        self, unit: WorkUnit, runs: dict[Device, DeviceRun], output: PipelineOutput, commit: Commit
    ) -> None:
        for run in runs.values():
            for device_output in run.outputs:
                output.alerts += device_output.alerts
                output.evidence += device_output.evidence
        self._position = {} if unit.last else {"file": unit.file.relative, "units": unit.index + 1}
        commit.stage_states |= {device_key(device): run.state for device, run in runs.items()}
        record = _file_record(unit)
        commit.files.append(record)
        output.alerts += self._recovered(record)
        self._commit(output, commit, unit)
        if unit.index == 0 and unit.manifest is not None:
            self._metrics.dead_letters(unit.manifest.dead_letter_counts)
        for block in _scored(runs):
            self._metrics.scored(block)

    def _refuse(self, unit: WorkUnit, error: RecordError | RetryableError) -> None:
        record = _file_record(unit)
        if error.reason == "not_hdf5":
            self._commit(PipelineOutput(), Commit(files=[replace(record, status=FileStatus.IGNORED)]), unit)
            return
        self._position = {}
        alert = self._rejected(record, AlertStatus.OPEN)
        self._commit(PipelineOutput(alerts=[alert]), Commit(files=[record]), unit)

    def _skip(self, unit: WorkUnit) -> None:
        """The same content came again: remember only that it was looked at."""
        known = self._state.known_file(unit.file.relative)
        files = [replace(known, mtime_ns=unit.file.mtime_ns)] if known is not None else []
        self._commit(PipelineOutput(), Commit(file_counts={"skipped": 1}, files=files), unit)

    def _recovered(self, record: FileRecord) -> list[AlertEvent]:
        """A file that was refused before and is readable now closes its alert."""
        known = self._state.known_file(record.path)
        if known is None or known.status is not FileStatus.REJECTED:
            return []
        return [self._rejected(known, AlertStatus.CLOSED)]

    def _rejected(self, record: FileRecord, status: AlertStatus) -> AlertEvent:
        return snapshot_alert(
            AlertKind.SNAPSHOT_REJECTED,
            SourceReference(file=record.path, sha256=record.sha256),
            front_end=self._progress.front_end(record.path),
            start_ns=self._progress.start_ns(record.path, record.mtime_ns),
            reason=record.reason,
            status=status,
        )

    def _commit(self, output: PipelineOutput, commit: Commit, unit: WorkUnit | None = None) -> None:
        commit.stage_states |= self._pipeline.take_changed_joins()
        commit.stage_states[_RUNNER_KEY] = encode_state(
            {"position": self._position, "series": self._progress.state(), "sequence": self._sequence.state()}
        )
        commit.pending = self._pipeline.pending_records() | self._unread(unit)
        self._builder.commit(output, commit, closed_ns=unit.file.closed_ns if unit else None)

    def _unread(self, unit: WorkUnit | None) -> dict[SourceReference, int]:
        """What other replaced files wait with; the rest of a file in the middle is not counted as read yet."""
        return {
            job.unit.manifest.source: job.unit.records
            for job in self._waiting_replacements
            if job.unit.manifest is not None and job.unit is not unit
        }

    def _restore(self, state: State) -> None:
        self._position = state["position"]
        self._progress.restore(state["series"])
        self._sequence.restore(state["sequence"])


def _read_ahead(reader: ThreadPoolExecutor, units: Iterator[WorkUnit]) -> Iterator[WorkUnit]:
    """The same units, one of them always being read while the others are worked on."""
    future = reader.submit(next, units, None)
    while (unit := future.result()) is not None:
        future = reader.submit(next, units, None)
        yield unit


def _scored(runs: dict[Device, DeviceRun]) -> list[ScoredBlock]:
    return [output.scored for run in runs.values() for output in run.outputs]


def _file_record(unit: WorkUnit) -> FileRecord:
    """What is known about a unit's file once the unit is committed."""
    file, manifest = unit.file, unit.manifest
    if manifest is None or (unit.refused is not None and not unit.records):
        return FileRecord(
            path=file.relative,
            root=str(file.root),
            sha256=manifest.source.sha256 if manifest else "",
            size_bytes=file.size,
            mtime_ns=file.mtime_ns,
            status=FileStatus.REJECTED,
            reason=unit.refused.reason if unit.refused else "unreadable",
            replaced_sha256=unit.replaced_sha256,
        )
    return FileRecord(
        path=file.relative,
        root=str(file.root),
        sha256=manifest.source.sha256,
        size_bytes=file.size,
        mtime_ns=file.mtime_ns,
        status=FileStatus.ACCEPTED,
        reason=unit.refused.reason if unit.refused else "truncated" if manifest.truncated else "",
        series=manifest.series,
        first_ns=manifest.first_ns,
        last_ns=manifest.last_ns,
        # The dead letters of the whole file are counted with its first unit.
        records_read=unit.records + manifest.dead_letter_count,
        dead_letters=manifest.dead_letter_counts,
        replaced_sha256=unit.replaced_sha256,
    )
