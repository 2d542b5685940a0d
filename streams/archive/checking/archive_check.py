"""What is wrong with an archive: its folder, store, catalog, cartridges. Who works in it is named, not disturbed."""

import os
from collections.abc import Iterator
from pathlib import Path

from connectors.process_lock import ProcessLock
from connectors.state.directory import LOCK_NAME as STATE_LOCK_NAME
from streams.archive.checking.catalog_check import check_catalog
from streams.archive.checking.store_check import check_store
from streams.archive.checking.tape_check import check_tapes
from streams.archive.places import archive_folder
from streams.archive.tape.local_bundles import BUNDLES_FOLDER, MOST_LOCAL
from streams.archive.tape.tape_alerts import ALERTS_FOLDER
from streams.archive.uploading.archiver import LOCK_NAME as ARCHIVER_LOCK_NAME
from streams.installation_finding import LOW_DISK_BYTES, Finding, gib, place_finding
from streams.settings import Settings

# One that is being built, and one that comes back for a repair.
_MORE_BUNDLES = 2


def check_archive(settings: Settings, state: Path | None) -> Iterator[Finding]:
    """Look at all that the settings name of an archive; nothing without any of it.

    Parameters
    ----------
    state
        State directory of the watch or the connector; without it the archive's folder is known only by
        ``archive.folder``.
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
        yield check_store(settings, folder)
    yield from check_catalog(settings.catalog, folder)
    yield from check_tapes(settings, folder)


def _folder(settings: Settings, folder: Path) -> Iterator[Finding]:
    what = f"archive folder {folder}"
    if settings.tape.mounts and settings.tape.copies:
        wanted = (MOST_LOCAL + _MORE_BUNDLES) * settings.tape.bundle_bytes
        why = f", and bundles that wait for their copies may take {gib(wanted)} (ten of tape.bundle_bytes)"
        # What waits already has its room.
        yield place_finding(what, folder, wanted_bytes=max(wanted - _bundled_bytes(folder), LOW_DISK_BYTES), why=why)
    else:
        yield place_finding(what, folder)
    yield _holder("archiver", folder / ARCHIVER_LOCK_NAME)
    if settings.tape.mounts:
        yield _holder("tape keeper", folder / ALERTS_FOLDER / STATE_LOCK_NAME)


def _bundled_bytes(folder: Path) -> int:
    bundles = folder / BUNDLES_FOLDER
    return sum(path.stat().st_size for path in bundles.iterdir()) if os.access(bundles, os.R_OK | os.X_OK) else 0


def _holder(what: str, lock: Path) -> Finding:
    try:
        holder = ProcessLock.holder_of(lock)
    except OSError as error:
        return Finding(
            what, False, f"{lock} can't be read by this user ({error.strerror}); run as who runs the archive"
        )
    return Finding(what, True, f"{holder} works in this folder" if holder else "none works in this folder now")
