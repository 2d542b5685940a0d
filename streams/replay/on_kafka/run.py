"""One replay through Kafka, from its first checkpoints to the results of one process."""

import json
import math
import shlex
import shutil
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from connectors.clock import Clock
from connectors.state.directory import StateDirectory
from models.errors import FatalError, RetryableError
from streams.archive.settings import ArchiveSettings
from streams.facility.settings import StoreKind
from streams.metrics import WatchMetrics
from streams.processes.installation import InstallationProcesses
from streams.replay.beginning import files_before
from streams.replay.mark import ReplayMark, claim
from streams.replay.on_kafka.completion import Completion, count_finished
from streams.replay.on_kafka.seeds import first_checkpoints, first_record, write_first_journal, write_seeds
from streams.replay.on_kafka.sending import send_files
from streams.replay.on_kafka.topics import ReplayTopics
from streams.replay.plan import ReplayPlan
from streams.replay.run import EventTimePace, ReplayModels, ReplayOptions, compare_files, install_models, planned_files
from streams.settings import Settings
from streams.state_writing import open_state_writing
from streams.topology import AgentName

#: Below the results while they come: journal and the workers' output.
WORKING = "working"

_JOURNAL = "journal"
_SCORING = ",".join(agent for agent in AgentName if agent is not AgentName.RECORDER)
# Workers that end more often than this won't ever come through.
_MOST_RESTARTS = 10
_LOOK_EVERY_S = 1.0
# What is seen done must be seen so twice: a dead letter may be on its way.
_SEEN_DONE = 2


def replay_topics(settings: Settings, replay: str, directory: Path) -> ReplayTopics:
    """The topics of a replay into a directory of this computer: the same one again has the same ones.

    Parameters
    ----------
    replay
        The replay's id.
    """
    place = f"{replay} {socket.gethostname()} {directory.resolve()}"
    id_ = sha256(place.encode()).hexdigest()[:12]
    return ReplayTopics.of(settings.kafka, settings.topics, id_, settings.connect.block_bytes)


class KafkaReplay:
    """A replay with workers; making it claims the directory.

    Parameters
    ----------
    directory
        Of this replay and model alone; the recorder writes its results there.
    replay
        The replay's id.
    settings
        Only the addresses in ``webhook_urls`` are sent anything, and nothing is archived.
    config
        The file of the settings.

    Raises
    ------
    FatalError
        ``replay_other``.
    """

    def __init__(
        self,
        plan: ReplayPlan,
        models: ReplayModels,
        directory: Path,
        replay: str,
        settings: Settings,
        *,
        config: Path | None,
        options: ReplayOptions,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        topics = replay_topics(settings, replay, directory)
        self._mark = claim(directory, ReplayMark(replay=replay, topics=topics.topics.installation))
        if self._mark.topics:  # begun when this computer had another name, or the folder lay elsewhere
            topics = topics.named(self._mark.topics)
        self._plan = plan
        self._models = models
        self._directory = directory
        self._topics = topics
        self._config = config
        self._options = options
        self._clock = clock
        self._tell = tell
        self._settings = settings.model_copy(
            update={
                "topics": topics.topics,
                "archive": ArchiveSettings(),
                "checkpoints": replace(settings.checkpoints, store=StoreKind.TOPIC),
                # However late the first worker comes: what is sent must not be removed before it was worked on.
                "connect": replace(settings.connect, dead_partition_after_s=math.inf),
            }
        )

    def run(self, fetch: Callable[[], Mapping[str, Path]]) -> None:
        """Replay; one that was cut off goes on where it stood, and at the end nothing is on Kafka.

        Parameters
        ----------
        fetch
            Gives the places of the planned files on this computer, by their ids.

        Raises
        ------
        FatalError
            ``replay_differs``, ``replay_state``, ``replay_topics`` when its topics are gone, ``process_ended`` when a
            worker ends again and again, ``state_in_use`` while it runs already.
        """
        if not self._mark.finished:
            self._work(fetch())
            # Only what is complete may lose its topics.
            self._note(replace(self._mark, finished=True))
        if self._mark.topics:
            self._clean_up()
            self._note(replace(self._mark, topics=""))

    def _note(self, mark: ReplayMark) -> None:
        mark.write(self._directory)
        self._mark = mark

    def _work(self, places: Mapping[str, Path]) -> None:
        working = self._directory / WORKING
        with StateDirectory.open(working / _JOURNAL) as journal:
            self._begin(journal)
            with InstallationProcesses(
                working, self._config, self._process_options(), most_restarts=_MOST_RESTARTS
            ) as processes:
                self._start(processes)
                look = _Look(processes, self._plan, self._directory, self._clock, self._options.progress)
                speed = self._options.speed
                pace = None if speed is None else EventTimePace(self._clock, speed, self._plan, look)
                send_files(
                    planned_files(self._plan, places, self._clock),
                    journal,
                    self._settings,
                    clock=self._clock,
                    pace=pace,
                    beside=look,
                    tell=self._tell,
                )
                self._wait_until_done(look)
                processes.stop()
        self._close_results()
        compare_files(self._plan.files, places, self._directory)

    def _clean_up(self) -> None:
        """Remove the topics, and what nobody needs beside the results; done again it changes nothing."""
        self._topics.wait_for_no_members(self._clock, self._tell)
        self._topics.remove(self._clock)
        shutil.rmtree(self._directory / WORKING, ignore_errors=True)

    def _begin(self, journal: StateDirectory) -> None:
        """Make the topics and what all partitions begin with; the recorder's first commit comes last."""
        install_models(self._models, self._directory)
        with StateDirectory.open(self._directory) as state:
            if state.sequence:
                self._require_topics()
                return
            seeds = first_checkpoints(self._plan, self._models, self._settings)
            self._topics.make(self._clock)
            write_seeds(seeds, self._models, self._settings, self._clock)
            write_first_journal(self._plan, journal, self._settings, self._clock)
            state.commit(first_record(self._plan, state, self._settings))

    def _require_topics(self) -> None:
        if not self._topics.are_there():
            raise FatalError(
                f"topics of this replay are gone ({self._topics.topics.installation}.*), so that it can't go on; "
                f"remove {self._directory} and begin anew",
                reason="replay_topics",
            )

    def _close_results(self) -> None:
        """As a watch ends: rows become files, and receivers of alerts get a last moment."""
        with ExitStack() as stack:
            writing = open_state_writing(
                stack,
                self._directory,
                self._settings,
                clock=self._clock,
                metrics=WatchMetrics(self._clock),
                tell=self._tell,
                stopping=lambda: False,
            )
            writing.builder.flush_rows()
            writing.sender.start()
            writing.housekeeping.drain_outbox()

    def _process_options(self) -> dict[str, str]:
        """What workers anywhere need beside the site's settings."""
        return {
            "PETAWATCH_TOPICS__INSTALLATION": self._topics.topics.installation,
            "PETAWATCH_CHECKPOINTS__STORE": StoreKind.TOPIC.value,
            "PETAWATCH_ARCHIVE__STORE": "",
            "PETAWATCH_WORKER__WARM_UP": "false",
        }

    def _start(self, processes: InstallationProcesses) -> None:
        urls = json.dumps(self._settings.webhook_urls)
        # How far the work is behind what was sent says something of a live watch; here it is the speed.
        recorder = {
            "PETAWATCH_WEBHOOK_URLS": urls,
            "PETAWATCH_RECEIVERS": "[]",
            "PETAWATCH_MESSENGERS": "[]",
            "PETAWATCH_ALERTMANAGER__URL": "",
            "PETAWATCH_WORKER__LAG_ALERT_S": str(math.inf),
        }
        processes.start_worker("recorder", agents=AgentName.RECORDER, state=self._directory, options=recorder)
        for number in range(1, (self._options.workers or 0) + 1):
            processes.start_worker(f"worker-{number}", agents=_SCORING)
        own = " ".join(f"{name}={shlex.quote(value)}" for name, value in self._process_options().items())
        self._tell(
            f"more workers can join on other computers: {own} petawatch worker --agents {_SCORING} --config FILE"
        )

    def _wait_until_done(self, look: Callable[[], None]) -> None:
        with Completion(self._settings, self._directory) as completion:
            seen = 0
            while seen < _SEEN_DONE:
                look()
                try:
                    seen = seen + 1 if completion.is_reached() else 0
                except RetryableError as error:
                    self._tell(f"{error}; the replay waits and tries again")
                    seen = 0
                self._clock.sleep(_LOOK_EVERY_S)


class _Look:
    """What is looked after now and then: that the workers live, and how far they have come."""

    def __init__(
        self,
        processes: InstallationProcesses,
        plan: ReplayPlan,
        results: Path,
        clock: Clock,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._processes = processes
        self._results = results
        self._before = 0 if plan.state is None else len(files_before(plan.state))
        self._files = len(plan.files)
        self._clock = clock
        self._progress = progress
        self._due_s = clock.monotonic_s()

    def __call__(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + _LOOK_EVERY_S
        self._processes.supervise()
        if self._progress is not None:
            done = count_finished(self._results) - self._before
            self._progress(min(max(0, done), self._files), self._files)
