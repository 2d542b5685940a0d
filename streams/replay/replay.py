"""A replay from the question to its results: where the files are, what is run, where the results lie."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.clock import Clock
from connectors.durable_files import replace_file
from connectors.state.database import DATABASE_NAME
from connectors.state.reader import StateReader
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from models.event_time import format_iso
from streams.archive.opened_archive import opened_archive
from streams.archive.restoring.restore_sources import RestoreSources
from streams.replay.models import ReplayModelFinder
from streams.replay.places import ReplayFiles
from streams.replay.plan import ReplayPlan, make_plan
from streams.replay.run import ReplayModels, run_replay
from streams.replay.sources import CatalogSource, FolderSource, JoinedSource, ReplaySource, StateSource
from streams.settings import Settings

_REPLAYS, _FILES, _MARK = "replays", "files", "replay.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replays:
    """What replays of an installation need.

    Attributes
    ----------
    state_dir
        Of the watch, which goes on undisturbed.
    folder
        Of replays that are given no other one.
    """

    settings: Settings
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
        *,
        speed: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Path:
        """Replay with one model; the state directory of the results.

        Parameters
        ----------
        into
            Its parent; None: a folder with a computed name.

        Raises
        ------
        FatalError
            ``replay_other`` when that place holds something else; and what ``run_replay`` raises.
        """
        name = models.in_use.name
        parent = into or self.folder / f"{_day_and_time(plan.from_ns)}_{plan.id('', self.settings)}"
        directory = parent / name
        finished = _claim(directory, plan.id(name, self.settings))
        if not finished:
            run_replay(
                plan,
                models,
                self.files.fetch(plan.files, parent / _FILES),
                directory,
                self.settings,
                clock=self.clock,
                speed=speed,
                progress=progress,
                tell=self.tell,
            )
            _note(directory, plan.id(name, self.settings), finished=True)
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
            settings=archive.settings.model_copy(update={"webhook_urls": tuple(webhooks)}),
            state_dir=state,
            folder=archive.folder / _REPLAYS,
            source=JoinedSource(sources),
            files=ReplayFiles(
                copies=None if from_folder is not None else RestoreSources.of(archive), wait_s=wait_s, tell=tell
            ),
            clock=clock,
            tell=tell,
        )


def _claim(directory: Path, id_: str) -> bool:
    """Take a directory for one replay and no other; whether that is done already."""
    mark = directory / _MARK
    try:
        known = json.loads(mark.read_bytes())
        if known["replay"] == id_:
            return bool(known["finished"])
    except FileNotFoundError:
        if not directory.exists() or all(path.name.startswith(".") for path in directory.iterdir()):
            directory.mkdir(parents=True, exist_ok=True)
            _note(directory, id_, finished=False)
            return False
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise FatalError(
        f"{directory} holds something else than this replay; remove it, or name another folder with --into",
        reason="replay_other",
    )


def _note(directory: Path, id_: str, *, finished: bool) -> None:
    replace_file(directory / _MARK, json.dumps({"replay": id_, "finished": finished}).encode())


def _day_and_time(event_time_ns: int) -> str:
    return format_iso(event_time_ns)[:19].replace(":", "-")
