"""What is wrong with an archive: its folder, store, catalog, cartridges. Who works in it is named, not disturbed."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from connectors.state.directory import LOCK_NAME as STATE_LOCK_NAME
from streams.archive.checking.catalog_check import check_catalog
from streams.archive.checking.store_check import check_store
from streams.archive.checking.tape_check import check_tapes
from streams.archive.places import TAPE_ALERTS_FOLDER, archive_folder
from streams.archive.tape.local_bundles import BUNDLES_FOLDER, MOST_LOCAL
from streams.archive.uploading.archiver import LOCK_NAME as ARCHIVER_LOCK_NAME
from streams.installation_finding import LOW_DISK_BYTES, Finding, found, gib, lock_holder, place_finding
from streams.settings import Settings

# One that is being built, and one that comes back for a repair.
_MORE_BUNDLES = 2


def check_archive(settings: Settings, state: Path | None, watched: Sequence[Path] = ()) -> Iterator[Finding]:
    """Look at all that the settings name of an archive; nothing without any of it.

    Parameters
    ----------
    state
        State directory of the watch or the connector; without it the archive's folder is known only by
        ``archive.folder``.
    watched
        The folders of the recorders, as far as they are known: the store must not overlap with them.
    """
    archive = settings.archive
    if not (archive.store or settings.tape.mounts or settings.catalog.address):
        return
    if archive.installation:
        named = f"{archive.installation}: what is written to cartridges has this name"
        yield Finding("archive installation", True, named)
    folder = None if state is None and archive.folder is None else archive_folder(archive, state or Path())
    if folder is None:
        yield Finding("archive folder", True, "was not looked at: give --state, or archive.folder")
    else:
        yield from _folder(settings, folder)
    if archive.store:
        yield check_store(settings, folder, watched)
    yield from check_catalog(settings.catalog, folder)
    yield from check_tapes(settings, folder)


def _folder(settings: Settings, folder: Path) -> Iterator[Finding]:
    what = f"archive folder {folder}"
    if settings.tape.mounts and settings.tape.copies:
        bundles = (MOST_LOCAL + _MORE_BUNDLES) * settings.tape.bundle_bytes
        reserve = max(settings.tape.disk_reserve_bytes, LOW_DISK_BYTES)
        why = (
            f", and bundles that wait for their copies may take {gib(bundles)} (ten of tape.bundle_bytes) besides "
            f"{gib(reserve)} for others"
        )
        # What waits already has its room.
        wanted = max(bundles - _bundled_bytes(folder), 0) + reserve
        yield place_finding(what, folder, wanted_bytes=wanted, why=why)
    else:
        yield place_finding(what, folder)
    yield _holder("archiver", folder / ARCHIVER_LOCK_NAME)
    if settings.tape.mounts:
        yield _holder("tape keeper", folder / TAPE_ALERTS_FOLDER / STATE_LOCK_NAME)


def _bundled_bytes(folder: Path) -> int:
    size_bytes = 0
    with suppress(FileNotFoundError, PermissionError):
        for path in (folder / BUNDLES_FOLDER).iterdir():
            with suppress(FileNotFoundError):  # a keeper has just removed it
                size_bytes += path.stat().st_size
    return size_bytes


def _holder(what: str, lock: Path) -> Finding:
    def look() -> str:
        holder = lock_holder(lock)
        return f"{holder} works in this folder" if holder else "none works in this folder now"

    return found(what, look)
