"""The page of an alert's shot from what is at hand: nothing is replayed, and no cartridge is wanted."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.archive.opening import open_store
from connectors.catalog.catalog_format import CatalogFormat, catalog_format
from connectors.catalog.opening import open_catalog
from connectors.evidence_store import EvidenceLink
from connectors.state.reader import StateReader
from connectors.tape.library import MountedCartridges
from models.alerts.alert import Alert, AlertKind
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError, PetawatchError
from streams.archive.places import archive_folder
from streams.archive.restoring.restore_sources import RestoreSources
from streams.replay.places import ReplayFiles, local_places
from streams.replay.shown_shot import ShotEvidence, kept_evidence, page_of_shot
from streams.replay.sources import CatalogSource, JoinedSource, ReplaySource, StateSource
from streams.settings import Settings

# What is larger is not copied for a page: it goes into a temporary folder, which may be a small one.
_MOST_COPIED_BYTES = 64 << 20
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFiles:
    """Snapshots on this computer and in the store; see ``ShotFiles``.

    Attributes
    ----------
    copies
        In the store; None where there is no archive that could be opened.
    folder
        What is copied goes there.
    """

    settings: Settings
    source: ReplaySource
    copies: RestoreSources | None
    folder: Path

    def fetch(self, files: Sequence[ArchivedFile]) -> dict[str, Path]:
        """Their places, by their ids.

        Raises
        ------
        FatalError
            ``replay_missing``.
        RetryableError
            The catalog is away, or the disk is full.
        """
        places = local_places(files)
        missing = [file for file in files if file.id not in places]
        if not missing:
            return places
        if self.copies is None or sum(file.size_bytes for file in missing) > _MOST_COPIED_BYTES:
            raise FatalError(f"{missing[0].path} is not on this computer", reason="replay_missing")
        return places | ReplayFiles(copies=self.copies, wait_s=0.0, tell=_ignore).fetch(missing, self.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptShot:
    """An alert, and what is at hand of its shots."""

    alert: Alert
    evidence: tuple[EvidenceLink, ...]
    files: KeptFiles
    command: str

    @property
    def hint(self) -> str:
        """What stands behind a sentence that says what is not at hand."""
        return f" ({self.command} brings what is archived)"


@contextmanager
def kept_shot(state_dir: Path, settings: Settings, alert_id: str, folder: Path) -> Iterator[KeptShot]:
    """Open what is at hand of an alert; nothing is replayed.

    Parameters
    ----------
    folder
        What is copied goes there, and is not removed.

    Raises
    ------
    FatalError
        ``alert_missing``; the state directory can't be used.
    RetryableError
        The state directory can't be read now.
    """
    with ExitStack() as stack:
        state = stack.enter_context(StateReader.open(state_dir))
        alert, links = state.alert(alert_id), state.evidence(alert_id)
        if alert is None:
            raise FatalError(f"no alert has the id {alert_id}", reason="alert_missing")
        copies = _copies(stack, state_dir, settings)
        sources: list[ReplaySource] = [
            StateSource(state, archive_folder(settings.archive, state_dir), settings.zone),
            *([] if copies is None else [CatalogSource(copies.catalog, settings.zone)]),
        ]
        files = KeptFiles(settings=settings, source=JoinedSource(sources), copies=copies, folder=folder)
        command = f"petawatch replay --alert {alert_id} --state {state_dir}"
        yield KeptShot(alert=alert, evidence=links, files=files, command=command)


def kept_shot_page(state_dir: Path, settings: Settings, alert_id: str, folder: Path) -> str:
    """The page of an alert's shot, as HTML; what would take a replay or a cartridge is a sentence with the command.

    Parameters and errors are those of ``kept_shot``.
    """
    with kept_shot(state_dir, settings, alert_id, folder) as shot:
        evidence = kept_evidence(state_dir, shot.evidence) or _no_evidence(shot.alert, shot.command)
        return page_of_shot(shot.alert, evidence, shot.files, hint=shot.hint)


def _no_evidence(alert: Alert, command: str) -> ShotEvidence:
    if alert.kind is AlertKind.IMAGE_ANOMALY:
        note = f"the evidence is not kept here any more; {command} makes it anew from the archived files"
    else:
        note = "no image was found odd: there is no reconstruction to be shown"
    return ShotEvidence(None, alert.first_shot_ns, note)


def _copies(stack: ExitStack, state_dir: Path, settings: Settings) -> RestoreSources | None:
    """What the catalog knows of copies in the store; one that is not there, or can't be used now, is done without."""
    archive = settings.archive
    if not archive.store:
        return None
    catalog_settings = replace(settings.catalog, timeout_s=min(settings.catalog.timeout_s, _PATIENCE_S))
    once = replace(settings.object_store, retries=0, timeout_s=min(settings.object_store.timeout_s, _PATIENCE_S))
    folder = archive_folder(archive, state_dir)
    try:
        if catalog_format(catalog_settings, folder) is not CatalogFormat.PRESENT:
            return None
        store = open_store(archive.store, once, retention_days=archive.retention_days)
        catalog = stack.enter_context(closing(open_catalog(catalog_settings, folder)))
    except PetawatchError:
        return None
    return RestoreSources(catalog=catalog, store=store, cartridges=_no_cartridges)


def _no_cartridges() -> MountedCartridges:
    return MountedCartridges(cartridges=(), problems=())


def _ignore(_: str) -> None:
    """What could not be read is told on the page."""
