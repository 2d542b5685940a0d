"""A replay from the question to its results: where the files are, what is run, where the results lie."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.clock import Clock
from connectors.state.database import DATABASE_NAME
from connectors.state.reader import StateReader
from models.archive.archived_file import ArchivedFile
from models.event_time import format_iso
from streams.archive.opened_archive import opened_archive
from streams.archive.restoring.restore_sources import RestoreSources
from streams.replay.mark import ReplayMark, claim
from streams.replay.models import ReplayModelFinder
from streams.replay.places import ReplayFiles
from streams.replay.plan import ReplayPlan, make_plan
from streams.replay.run import AS_FAST_AS_IT_GOES, ReplayModels, ReplayOptions, run_replay
from streams.replay.sources import CatalogSource, FolderSource, JoinedSource, ReplaySource, StateSource
from streams.settings import Settings

_REPLAYS, _FILES = "replays", "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replays:
    """What replays of an installation need.

    Attributes
    ----------
    state_dir
        Of the watch, which goes on undisturbed.
    config
        The file of the settings, for workers.
    folder
        Of replays that are given no other one.
    """

    settings: Settings
    config: Path | None
    state_dir: Path
    folder: Path
    source: ReplaySource
    files: ReplayFiles
    clock: Clock
    tell: Callable[[str], None]

    def plan(self, from_ns: int, to_ns: int, *, fresh: bool = False) -> ReplayPlan:
        """What a replay of a stretch would be; ``make_plan``."""
        return make_plan(self.source, self.fetch, from_ns, to_ns, self.settings, fresh=fresh)

    def models(self) -> ReplayModelFinder:
        """Finds the models."""
        return ReplayModelFinder(self.state_dir, self.source, self.fetch, self.folder / "models")

    def fetch(self, files: Sequence[ArchivedFile]) -> dict[str, Path]:
        """The places of single files on this computer: states, models, the snapshots of a shot; by their ids."""
        return self.files.fetch(files, self.folder / _FILES)

    def run(
        self,
        plan: ReplayPlan,
        models: ReplayModels,
        into: Path | None,
        options: ReplayOptions = AS_FAST_AS_IT_GOES,
    ) -> Path:
        """Replay with one model; the state directory of the results.

        Parameters
        ----------
        into
            Its parent; None: a folder with a computed name.

        Raises
        ------
        FatalError
            ``replay_other`` when that place holds something else; and as ``run_replay`` or ``KafkaReplay``.
        """
        name = models.in_use.name
        parent = into or self.folder / f"{_day_and_time(plan.from_ns)}_{plan.id('', self.settings)}"
        directory, id_ = parent / name, plan.id(name, self.settings)

        def fetch() -> dict[str, Path]:
            return self.files.fetch(plan.files, parent / _FILES)

        if options.workers is not None:
            from streams.replay.on_kafka.run import KafkaReplay  # noqa: PLC0415 - what only this needs is an extra

            KafkaReplay(
                plan,
                models,
                directory,
                id_,
                self.settings,
                config=self.config,
                options=options,
                clock=self.clock,
                tell=self.tell,
            ).run(fetch)
        elif not claim(directory, ReplayMark(replay=id_)).finished:
            run_replay(
                plan, models, fetch(), directory, self.settings, clock=self.clock, options=options, tell=self.tell
            )
            ReplayMark(replay=id_, finished=True).write(directory)
        return directory


@contextmanager
def open_replays(
    state: Path,
    config: Path | None,
    *,
    from_folder: Path | None,
    webhooks: Sequence[str],
    wait_s: float,
    clock: Clock,
    tell: Callable[[str], None],
) -> Iterator[Replays]:
    """Open what is known of archived files: the state directory and the catalog, or nothing but a folder.

    Raises
    ------
    FatalError
        The state directory, the catalog or the settings can't be used.
    """
    with ExitStack() as stack:
        archive = stack.enter_context(opened_archive(state, config))
        sources: list[ReplaySource] = []
        zone = archive.settings.zone
        if from_folder is not None:
            sources.append(FolderSource(from_folder, zone))
        else:
            if (state / DATABASE_NAME).is_file():
                sources.append(StateSource(stack.enter_context(StateReader.open(state)), archive.folder, zone))
            sources.append(CatalogSource(archive.catalog, zone))
        yield Replays(
            settings=archive.settings.telling_only(webhooks),
            config=config,
            state_dir=state,
            folder=archive.folder / _REPLAYS,
            source=JoinedSource(sources),
            files=ReplayFiles(
                copies=None if from_folder is not None else RestoreSources.of(archive), wait_s=wait_s, tell=tell
            ),
            clock=clock,
            tell=tell,
        )


def _day_and_time(event_time_ns: int) -> str:
    return format_iso(event_time_ns)[:19].replace(":", "-")
