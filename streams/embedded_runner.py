"""The runner without a server: reads files, runs the pipeline on threads, commits unit by unit.

Three things go on side by side: one thread reads ahead, the device stages run on a pool of threads, and the caller's
thread joins, alerts and commits. Units are committed strictly in the order in which their files were given, and with
each unit the states right after it, so that a run that was killed goes on as if nothing had happened.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.stage_moment import RUNNER_KEY
from models.alerts.alert import AlertEvent
from models.devices import Device
from models.results import ScoredBlock
from models.snapshot_sequence import SnapshotSequence
from models.state import State, decode_state, encode_state
from streams.commit_builder import CommitBuilder
from streams.device_stages import device_key
from streams.device_strands import DeviceStrands
from streams.file_accounts import FileAccounts
from streams.live_show import ShowWork, show_nothing
from streams.metrics import WatchMetrics
from streams.replacements import TouchedShots, decide_again, touched_shots
from streams.series_progress import SeriesProgress
from streams.settings import Settings
from streams.watch_news import WatchNews
from streams.watch_pipeline import DeviceRun, PipelineOutput, WatchPipeline
from streams.work_units import WorkUnit, read_ahead, read_units

#: Units that are processed ahead of the one that is committed next: bounds the memory.
_UNITS_AHEAD = 4
_BYTES_AHEAD = 128 << 20


@dataclass(slots=True)
class _Job:
    """A unit whose devices are being worked on."""

    unit: WorkUnit
    payload_bytes: int
    runs: dict[Device, "Future[DeviceRun]"]

    def results(self) -> dict[Device, DeviceRun]:
        """What the devices gave, in the order of their names: the order in which the threads ended changes nothing."""
        return {device: self.runs[device].result() for device in sorted(self.runs)}


@dataclass(frozen=True, slots=True)
class _WaitingReplacement:
    """A file that replaces another while shots that it touches wait in joins; it is read again later."""

    file: SpoolFile
    touched: TouchedShots


class EmbeddedRunner:
    """Processes files one after another and makes what they gave durable.

    Parameters
    ----------
    sequence
        The order of the files, which the caller keeps; its state is saved and restored with everything else.
    news
        What reaches the watch beside its files.
    before_file
        Called before the first unit of a file is committed, with the event time of its first record: the state
        directory stands between two files then.
    show
        Called by the devices' threads with what they have just worked on.
    stopping
        Whether the work is to end: what is begun is made durable, the rest is left for the next run.
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
        news: WatchNews,
        stopping: Callable[[], bool],
        before_file: Callable[[int], None] | None = None,
        show: ShowWork = show_nothing,
    ) -> None:
        self._state = state
        self._pipeline = pipeline
        self._builder = builder
        self._sequence = sequence
        self._settings = settings
        self._metrics = metrics
        self._news = news
        self._stopping = stopping
        self._before_file = before_file
        self._show = show
        self._strands = DeviceStrands(settings.worker_threads)
        self._progress = SeriesProgress(settings.zone)
        self._accounts = FileAccounts(state, self._progress)
        self._waiting: dict[str, _WaitingReplacement] = {}
        states = state.load_states()
        pipeline.restore(states)
        if RUNNER_KEY in states:
            self._restore(decode_state(states[RUNNER_KEY]))

    def process(self, files: Iterable[SpoolFile]) -> None:
        """Read, process and commit these files in their order; returns when all of it is durable."""
        # Of a path that comes twice the content is the same by now: it is read once.
        once = {file.relative: file for file in files}
        self.process_units(self._units(list(once.values())))

    def process_units(self, units: Iterator[WorkUnit]) -> None:
        """Process and commit units in their order; they are asked for on a thread of their own, one ahead."""
        jobs: deque[_Job] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
            for unit in read_ahead(reader, units):
                if self._stopping():
                    break
                self._take_news(jobs)
                if unit.replaces:
                    # Its shots are decided together with what others say about them: first all others have their say.
                    self._complete_all(jobs)
                    self._replace(unit)
                    continue
                jobs.append(self._start(unit))
                self._metrics.set_queue_depth(len(jobs), "units")
                while _are_enough(jobs):
                    self._complete(jobs.popleft())
            self._complete_all(jobs)

    def finish(self) -> None:
        """The input has ended: decide what waits, close what is open, write the results out."""
        self._commit(self._pipeline.finish(), Commit(stage_states=self._pipeline.device_states()))
        self.go_on()
        self._builder.flush_rows()

    @property
    def series(self) -> list[str]:
        """The recorders' series that have been heard of."""
        return self._progress.series

    def read_again(self) -> bool:
        """Try the files again that the storage did not give; whether some could still not be read."""
        unread = self._accounts.take_unread()
        if unread:
            self.process(unread)
        return self._accounts.has_unread

    @property
    def has_room(self) -> bool:
        """It is done with its files whenever it is asked."""
        return True

    @property
    def has_work(self) -> bool:
        """What waits, waits for other files."""
        return False

    def go_on(self) -> None:
        """Take new baselines, and the files that replace others, as far as nothing they touch waits in a join."""
        self._take_news(deque())
        due = [waiting.file for waiting in self._waiting.values() if not waiting.touched.wait_in(self._pipeline)]
        for file in due:
            del self._waiting[file.relative]
        if due:
            self.process(due)

    def silence(self, series: Iterable[str]) -> None:
        """These recorders deliver nothing any more, by the clock: stop waiting for their devices."""
        for name in series:
            self._pipeline.silence(self._progress.devices(name))
        self._commit(self._pipeline.decide(), Commit())

    def is_done(self, relative: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether this very file has been dealt with to its end."""
        return self._accounts.is_done(relative, size_bytes, mtime_ns)

    def is_known(self, relative: str) -> bool:
        """Whether the state directory has this path."""
        return self._state.known_file(relative) is not None

    def rest(self) -> None:
        """Write the buffered rows out as Parquet when they are many: no commit has to wait for that then."""
        if self._state.flush_due:
            self._builder.flush_rows()

    def report(self, alerts: list[AlertEvent], commit: Commit) -> None:
        """Commit alerts that do not come from the pipeline."""
        self._commit(PipelineOutput(alerts=alerts), commit)

    def close(self) -> None:
        """End the threads."""
        self._strands.close()

    def _units(self, files: list[SpoolFile]) -> Iterator[WorkUnit]:
        settings = self._settings
        # Known now, since the database belongs to this thread and not to the one that reads.
        known = [(file, self._accounts.history(file)) for file in files]
        return (
            unit
            for file, history in known
            for unit in read_units(file, history, settings.reading, settings.zone, settings.units)
        )

    def _start(self, unit: WorkUnit) -> _Job:
        devices = sorted(unit.blocks)
        self._pipeline.prepare(devices)
        payload_bytes = sum(block.payload.nbytes for blocks in unit.blocks.values() for block in blocks)

        def work(device: Device) -> DeviceRun:
            # Taken out: its pixels are let go as soon as they are scored, not only when the unit is committed.
            blocks = unit.blocks.pop(device)
            run = self._pipeline.run_device(device, blocks)
            self._show(blocks, run.outputs)
            return run

        return _Job(
            unit, payload_bytes, {device: self._strands.submit(device, partial(work, device)) for device in devices}
        )

    def _take_news(self, jobs: deque[_Job]) -> None:
        """What has come from outside since the last time: accepted baselines, then another model, another shadow."""
        self._accept_baselines(jobs)
        self._change_model(jobs)
        self._change_shadow(jobs)

    def _accept_baselines(self, jobs: deque[_Job]) -> None:
        """Let what operators have accepted take effect, each in a commit of its own, after the jobs under way."""
        for baseline in self._news.baselines():
            self._complete_all(jobs)  # their devices' threads are done with the stages then
            accepted = self._pipeline.accept_baseline(baseline)
            if accepted is not None:
                output, states = accepted
                self._commit(output, Commit(stage_states=states))
                self._news.baseline_taken(baseline)

    def _change_model(self, jobs: deque[_Job]) -> None:
        """Let a model that was promoted learn at all cameras, after the jobs under way."""
        make_stage = self._news.model()
        if make_stage is not None:
            self._complete_all(jobs)  # their devices' threads are done with the stages then
            self._pipeline.change_model(make_stage)

    def _change_shadow(self, jobs: deque[_Job]) -> None:
        """Let another model score beside the one in use, or none, after the jobs under way."""
        change = self._news.shadow()
        if change is not None:
            self._complete_all(jobs)  # their devices' threads are done with the stages then
            self._pipeline.change_shadow(change.make_stage)

    def _complete_all(self, jobs: deque[_Job]) -> None:
        while jobs:
            self._complete(jobs.popleft())
            self._metrics.set_queue_depth(len(jobs), "units")

    def _complete(self, job: _Job) -> None:
        if job.unit.refused is not None:
            self._commit_unit(job.unit, {}, PipelineOutput(), Commit())
        elif job.unit.unchanged:
            self._skip(job.unit)
        else:
            self._accept(job)

    def _accept(self, job: _Job) -> None:
        unit, runs = job.unit, job.results()
        first_ns = unit.manifest.first_ns if unit.manifest is not None and unit.index == 0 else None
        if self._before_file is not None and first_ns is not None:
            self._before_file(first_ns)
        output = self._pipeline.join(_scored(runs))
        if unit.last and unit.manifest is not None:
            devices, until_ns = self._progress.snapshot_read(unit.file, unit.manifest)
            self._pipeline.advance(devices, until_ns)
        output.extend(self._pipeline.decide())
        self._commit_unit(unit, runs, output, Commit())

    def _replace(self, unit: WorkUnit) -> None:
        """Decide the shots of a replacing unit again, or let its file wait until nothing of them is undecided."""
        if unit.file.relative in self._waiting or unit.manifest is None:
            return
        blocks = [block for of_device in unit.blocks.values() for block in of_device]
        touched = touched_shots(blocks, unit.manifest.source, self._state)
        if touched.wait_in(self._pipeline):
            self._waiting[unit.file.relative] = _WaitingReplacement(unit.file, touched)
            return
        runs = self._start(unit).results()
        output, superseded = decide_again(_scored(runs), touched, self._state, self._pipeline)
        self._commit_unit(unit, runs, output, Commit(superseded=superseded))

    def _commit_unit(
        self, unit: WorkUnit, runs: dict[Device, DeviceRun], output: PipelineOutput, commit: Commit
    ) -> None:
        for run in runs.values():
            for device_output in run.outputs:
                output.alerts += device_output.alerts
                output.evidence += device_output.evidence
        commit.stage_states |= {device_key(device): run.state for device, run in runs.items()}
        record, alerts = self._accounts.committing(unit)
        commit.files.append(record)
        output.alerts += alerts
        self._commit(output, commit, unit)
        if unit.index == 0 and unit.manifest is not None and unit.refused is None:
            self._metrics.dead_letters(unit.manifest.dead_letter_counts)
        for block in _scored(runs):
            self._metrics.scored(block)
        for run in runs.values():
            self._metrics.shadow_compared(run.shadow)

    def _skip(self, unit: WorkUnit) -> None:
        """The content that counts came again: remember only that it was looked at."""
        record, alerts = self._accounts.skipping(unit.file)
        files = [record] if record is not None else []
        self._commit(PipelineOutput(alerts=alerts), Commit(file_counts={"skipped": 1}, files=files), unit)

    def _commit(self, output: PipelineOutput, commit: Commit, unit: WorkUnit | None = None) -> None:
        commit.stage_states |= self._pipeline.take_changed_joins()
        commit.stage_states[RUNNER_KEY] = encode_state(
            {"files": self._accounts.state(), "series": self._progress.state(), "sequence": self._sequence.state()}
        )
        commit.pending = self._pipeline.pending_records()
        self._builder.commit(output, commit, closed_ns=unit.file.closed_ns if unit else None)

    def _restore(self, state: State) -> None:
        self._accounts.restore(state["files"])
        self._progress.restore(state["series"])
        self._sequence.restore(state["sequence"])


def _are_enough(jobs: deque[_Job]) -> bool:
    """Whether one has to be completed before the next is begun."""
    return len(jobs) > _UNITS_AHEAD or (len(jobs) > 1 and sum(job.payload_bytes for job in jobs) > _BYTES_AHEAD)


def _scored(runs: dict[Device, DeviceRun]) -> list[ScoredBlock]:
    return [output.scored for run in runs.values() for output in run.outputs]
