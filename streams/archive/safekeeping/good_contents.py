"""Good contents of files on this computer for a while: the recorders' own files, or restored from other copies."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from connectors.tape.library import MountedCartridges
from models.archive.archived_file import ArchivedFile
from streams.archive.earlier_stores import EarlierStores
from streams.archive.opened_archive import OpenedArchive
from streams.archive.own_files import own_content
from streams.archive.restoring.restore import RestoreOptions, restore_files
from streams.archive.restoring.restore_sources import RestoreSources

_FOLDER = "repair"
_MOST_FILES, _MOST_BYTES = 2_000, 4 << 30


class GoodContents:
    """Finds them in stores and on mounted cartridges; one that fails is not asked again.

    Parameters
    ----------
    cartridges
        By uuid; those that fail are taken out.
    tell
        Called once with each sentence about a copy that could not be used.
    """

    def __init__(
        self, archive: OpenedArchive, cartridges: dict[str, Cartridge], clock: Clock, tell: Callable[[str], None]
    ) -> None:
        self._cartridges = cartridges
        self._clock = clock
        self._tell = tell
        self._told: set[str] = set()
        self._folder = archive.folder / _FOLDER
        self._sources = RestoreSources(
            catalog=archive.catalog,
            store=archive.store,
            cartridges=lambda: MountedCartridges(cartridges=tuple(cartridges.values()), problems=()),
            earlier=EarlierStores(archive.settings.object_store),
            try_damaged=False,  # one that happens to be read well now is removed before the new one is written
        )

    @contextmanager
    def of(self, files: Sequence[ArchivedFile]) -> Iterator[dict[str, Path]]:
        """Places with the contents of these files, compared, by their ids; those that can't be had are left out.

        Raises
        ------
        RetryableError
            The catalog or the disk fails for now.
        """
        shutil.rmtree(self._folder, ignore_errors=True)  # what an earlier process has left
        try:
            places = {file.id: own for file in files if (own := own_content(file)) is not None}
            missing = [file for file in files if file.id not in places]
            for number, few in enumerate(few_at_once(missing)):
                places |= self._restored(few, self._folder / str(number))
            yield places
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _restored(self, files: Sequence[ArchivedFile], into: Path) -> dict[str, Path]:
        report = restore_files(files, into, self._sources, RestoreOptions(), clock=self._clock)
        for uuid in report.failed_cartridges:
            self._cartridges.pop(uuid, None)
        for sentence in report.problems:
            if sentence not in self._told:
                self._told.add(sentence)
                self._tell(sentence)
        return report.places


def few_at_once(files: Iterable[ArchivedFile]) -> Iterator[list[ArchivedFile]]:
    """The files in parts that a disk has room for; each key is once in a part."""
    part: list[ArchivedFile] = []
    keys: set[str] = set()
    size_bytes = 0
    for file in files:
        if part and (file.key in keys or len(part) >= _MOST_FILES or size_bytes + file.size_bytes > _MOST_BYTES):
            yield part
            part, keys, size_bytes = [], set(), 0
        part.append(file)
        keys.add(file.key)
        size_bytes += file.size_bytes
    if part:
        yield part
