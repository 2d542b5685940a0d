"""Makes bundles of files that are in none: chooses them, finds their contents, builds, and tells the catalog."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.clock import Clock
from connectors.tape.bundle_file import BuiltBundle, NothingToBundleError, build_bundle
from models.archive.archived_file import ArchivedFile
from models.archive.bundle_choice import choose_bundle, with_room
from models.archive.bundle_manifest import MAX_MEMBERS
from models.errors import RecordError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape.disk_room import DiskRoom
from streams.archive.tape.file_contents import FileContents

# A content that was nowhere is looked for again after so long.
_AGAIN_AFTER_S = 3600.0
# A disk with little room makes bundles smaller, but to no less than this part of what they should be: tapes are slow
# with small files.
_SMALLEST = 1 / 16


@dataclass(frozen=True, slots=True)
class _PutOff:
    until_s: float
    sentence: str


class BundleMaker:
    """Makes one bundle after the other.

    Parameters
    ----------
    folder
        Where bundles are built; it is there.
    tell
        Called with a sentence for each file whose content is nowhere.
    """

    def __init__(self, archive: OpenedArchive, folder: Path, clock: Clock, tell: Callable[[str], None]) -> None:
        self._archive = archive
        self._folder = folder
        self._clock = clock
        self._tell = tell
        self._room = DiskRoom((folder, archive.folder), archive.settings.tape.disk_reserve_bytes)
        self._contents = FileContents(archive.catalog, archive.store, archive.folder)
        self._contents.forget()  # what a killed keeper has fetched takes the room that is wanted now
        # Of these the recorders' own file is not what was archived, although its size and time are.
        self._changed: set[str] = set()
        self._put_off: dict[str, _PutOff] = {}
        self._told: set[str] = set()

    @property
    def missing(self) -> list[str]:
        """A sentence for each file whose content is nowhere."""
        return [put_off.sentence for put_off in self._put_off.values()]

    def make(self, *, close: bool = False) -> bool:
        """Make a bundle if it is time for one; whether anything was done.

        When it returns, the bundle is durable on the disk and in the catalog. What is killed before begins anew.

        Parameters
        ----------
        close
            Make one of what waits, whatever its age.

        Raises
        ------
        RetryableError
            ``disk_full``, also when less than the reserve would be left; ``disk_failed``; the catalog or the store is
            away.
        """
        now_s = self._clock.monotonic_s()
        self._put_off = {id_: each for id_, each in self._put_off.items() if each.until_s > now_s}
        tape = self._archive.settings.tape
        waiting = self._archive.catalog.unbundled_files(MAX_MEMBERS + len(self._put_off))
        chosen = choose_bundle(
            [file for file in waiting if file.id not in self._put_off],
            bundle_bytes=tape.bundle_bytes,
            oldest_unbundled_s=tape.oldest_unbundled_s,
            now_ns=self._clock.now_ns(),
            close=close,
        )
        if not chosen:
            return False
        chosen = self._with_room(chosen)
        try:
            self._build([(file, place) for file in chosen if (place := self._place(file)) is not None])
        finally:
            self._contents.forget()
        return True

    def _with_room(self, chosen: Sequence[ArchivedFile]) -> list[ArchivedFile]:
        """Those that the disk has room for: the bundle, and what is fetched for it."""
        fitting, needed_bytes = with_room(
            ((file, 0 if self._local(file) else file.size_bytes) for file in chosen),
            free_bytes=self._room.free_bytes(),
            smallest_bytes=round(self._archive.settings.tape.bundle_bytes * _SMALLEST),
        )
        if not fitting:
            self._room.require(needed_bytes)
        return fitting

    def _build(self, sources: Sequence[tuple[ArchivedFile, Path]]) -> None:
        refused: Sequence[tuple[ArchivedFile, RecordError]] = ()
        if sources:
            try:
                built: BuiltBundle = build_bundle(
                    self._folder, self._archive.settings.archive.installation, sources, self._look_for_room
                )
            except NothingToBundleError as nothing:
                refused = nothing.refused
            else:
                refused = built.refused
                self._archive.catalog.add_bundle(built.bundle)
        for file, error in refused:
            if file.id in self._changed:
                self._miss(file, str(error))
            self._changed.add(file.id)

    def _look_for_room(self, file: ArchivedFile) -> None:
        """Others write to the disk, too, while a bundle is made."""
        self._room.require(file.size_bytes)

    def _local(self, file: ArchivedFile) -> Path | None:
        return None if file.id in self._changed else self._contents.local(file)

    def _place(self, file: ArchivedFile) -> Path | None:
        local = self._local(file)
        if local is not None:
            return local
        self._look_for_room(file)
        try:
            return self._contents.fetch(file)
        except RecordError as error:
            self._miss(file, str(error))
            return None

    def _miss(self, file: ArchivedFile, sentence: str) -> None:
        self._put_off[file.id] = _PutOff(self._clock.monotonic_s() + _AGAIN_AFTER_S, sentence)
        if file.id not in self._told:
            self._told.add(file.id)
            self._tell(sentence)
        self._changed.discard(file.id)  # then the recorders' own file may be the right one again
