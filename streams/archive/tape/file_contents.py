"""Where a file's content is read from: the recorders' own file while it is what was archived, else the store."""

import shutil
from contextlib import suppress
from pathlib import Path

from connectors.archive.store import ArchiveStore
from connectors.catalog.catalog import Catalog
from connectors.disk_failures import disk_failures
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Damage, StoreCopy
from models.errors import RecordError
from streams.archive.own_files import own_file
from streams.archive.stored_contents import damage_in, note_damage

_FETCHED = "fetched"


class FileContents:
    """Finds contents, and keeps what it fetches from the store in a folder until ``forget``.

    Parameters
    ----------
    folder
        The archive's.
    """

    def __init__(self, catalog: Catalog, store: ArchiveStore | None, folder: Path) -> None:
        self._catalog = catalog
        self._store = store
        self.folder = folder / _FETCHED

    def local(self, file: ArchivedFile) -> Path | None:
        """The recorders' file, if its size and time are those of what was archived; who reads it compares it."""
        path = own_file(file)
        with suppress(OSError):
            if path is not None and path.lstat().st_mtime_ns == file.mtime_ns:
                return path
        return None

    def fetch(self, file: ArchivedFile) -> Path:
        """A copy from the store, compared; a copy that is not the content is noted as damaged.

        Raises
        ------
        RecordError
            ``content_missing``: no copy in the store has this content.
        RetryableError
            ``disk_full``, or the store is away.
        """
        store = self._store
        copies = self._catalog.store_copies([file.id]).get(file.id, []) if store else []
        for copy in copies:
            if store and copy.store == store.address and not copy.damaged:
                damage, path = self._read(store, copy, file)
                if damage is None:
                    return path
                note_damage(self._catalog, copy, damage)
        raise RecordError(
            f"{file.path} is neither in {file.root} nor in the store with the content that was archived; bring it back",
            reason="content_missing",
        )

    def forget(self) -> None:
        """Remove what was fetched, also by an earlier process."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, store: ArchiveStore, copy: StoreCopy, file: ArchivedFile) -> tuple[Damage | None, Path]:
        path = self.folder / file.sha256
        with disk_failures(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as stream:
                damage = damage_in(store, file.key, copy.version, file.sha256, stream)
            if damage:
                path.unlink(missing_ok=True)
        return damage, path
