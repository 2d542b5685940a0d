"""One replay: a watch with a state directory of its own goes through the planned files, and sends nothing out."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from connectors.clock import Clock
from connectors.file_hash import file_sha256
from connectors.model_files import install_model, write_model
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit, FileRecord
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.state.stage_moment import RUNNER_KEY
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from models.event_time import SECOND_NS
from models.model_bundle import ModelBundle
from models.state import encode_state
from streams.archive.settings import ArchiveSettings
from streams.archive.states.stage_states import StageStates
from streams.replay.beginning import files_before, runner_before, taken_up
from streams.replay.plan import ReplayPlan
from streams.settings import Settings
from streams.watch import open_watch

_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayModels:
    """The model that a replay uses, and those that the cameras of its state still belong to."""

    in_use: ModelBundle
    of_state: tuple[ModelBundle, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """How a replay goes; what it gives does not depend on it.

    Attributes
    ----------
    speed
        Of event time against the clock; None: as fast as it goes.
    workers
        Through Kafka, with so many of them on this computer beside the recorder, 0 where others do all the work; None:
        in this process.
    progress
        Called now and then with the number of finished files, and of all.
    """

    speed: float | None = None
    workers: int | None = None
    progress: Callable[[int, int], None] | None = None


AS_FAST_AS_IT_GOES = ReplayOptions()


class EventTimePace:
    """Holds each file back until event time has come to its end, at a speed; called from one thread.

    Parameters
    ----------
    speed
        Seconds of event time in a second of the clock.
    beside
        Called now and then while it waits.
    """

    def __init__(self, clock: Clock, speed: float, plan: ReplayPlan, beside: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._speed = speed
        self._ends_ns = {file.path: plan.from_ns if file.last_ns is None else file.last_ns for file in plan.files}
        self._beside = beside
        self._began: tuple[float, int] | None = None

    def __call__(self, file: SpoolFile) -> None:
        """Wait."""
        end_ns = self._ends_ns[file.relative]
        if self._began is None:
            self._began = self._clock.monotonic_s(), end_ns
        began_s, began_ns = self._began
        due_s = began_s + (end_ns - began_ns) / SECOND_NS / self._speed
        while (left_s := due_s - self._clock.monotonic_s()) > 0:
            self._clock.sleep(min(left_s, _LOOK_EVERY_S))
            self._beside()


def planned_files(plan: ReplayPlan, places: Mapping[str, Path], clock: Clock) -> list[SpoolFile]:
    """The planned files as a watched folder gives them."""
    found = []
    for file in plan.files:
        place = places[file.id]
        status = place.stat()
        found.append(
            SpoolFile(
                root=place.parents[file.path.count("/")],
                path=place,
                relative=file.path,
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                closed_ns=clock.now_ns(),
            )
        )
    return found


def run_replay(
    plan: ReplayPlan,
    models: ReplayModels,
    places: Mapping[str, Path],
    directory: Path,
    settings: Settings,
    *,
    clock: Clock,
    options: ReplayOptions = AS_FAST_AS_IT_GOES,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Replay into a state directory; one that was cut off goes on where it stood.

    Parameters
    ----------
    places
        Where the files lie on this computer, by their ids.
    directory
        Of this replay and model alone.
    settings
        Only the addresses in ``webhook_urls`` are sent anything, and nothing is archived.

    Raises
    ------
    FatalError
        ``replay_differs`` when a file is not what was archived (any more), ``replay_state`` when this program can't go
        on from the state, and as ``open_watch``.
    """
    install_models(models, directory)
    with StateDirectory.open(directory) as state:
        if plan.state is not None and not state.sequence:
            state.commit(_beginning(plan.state, settings))
    own = settings.model_copy(update={"archive": ArchiveSettings()})
    with ExitStack() as stack:
        with taken_up(plan):
            running = stack.enter_context(open_watch([], directory, own, clock=clock, tell=tell))
        pace = None if options.speed is None else EventTimePace(clock, options.speed, plan)
        running.run_files(planned_files(plan, places, clock), options.progress, wait_for=pace)
    compare_files(plan.files, places, directory)


def install_models(models: ReplayModels, directory: Path) -> None:
    """Keep the models with the results, the one in use as such."""
    for bundle in models.of_state:
        write_model(directory / "models" / bundle.name, bundle)
    install_model(directory, models.in_use)


def _beginning(state: StageStates, settings: Settings) -> Commit:
    """What the replay's state directory holds before its first file: the states, and what they know of files."""
    runner = encode_state(runner_before(state, settings))
    return Commit(stage_states={**state.states, RUNNER_KEY: runner}, files=files_before(state))


def compare_files(files: Iterable[ArchivedFile], places: Mapping[str, Path], directory: Path) -> None:
    """Every file that was read is the one that was archived; of a mere folder's files nothing is known before.

    Raises
    ------
    FatalError
        ``replay_differs``.
    """
    with StateReader.open(directory) as state:
        for file in files:
            known = state.known_file(file.path)
            if known is None or (file.sha256 and _read_sha256(known, places[file.id]) != file.sha256):
                raise FatalError(
                    f"{file.path} is not the file that was archived, so that its results are none of {directory}; "
                    "restore it, and replay into another folder",
                    reason="replay_differs",
                )


def _read_sha256(known: FileRecord, place: Path) -> str:
    """What was read; a file that can't be read as a snapshot is an archived one all the same."""
    return known.sha256 or file_sha256(place)
