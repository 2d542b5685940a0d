"""Makes bundles of files that are in none: chooses them, finds their contents, builds, and tells the catalog."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.clock import Clock
from connectors.tape.bundle_file import BuiltBundle, NothingToBundleError, build_bundle
from models.archive.archived_file import ArchivedFile
from models.archive.bundle_choice import choose_bundle
from models.archive.bundle_manifest import MAX_MEMBERS
from models.errors import RecordError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape.file_contents import FileContents

# A content that was nowhere is looked for again after so long.
_AGAIN_AFTER_S = 3600.0


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
    """

    def __init__(self, archive: OpenedArchive, folder: Path, clock: Clock) -> None:
        self._archive = archive
        self._folder = folder
        self._clock = clock
        self._contents = FileContents(archive.catalog, archive.store, archive.folder, clock)
        # Of these the recorders' own file is not what was archived, although its size and time are.
        self._changed: set[str] = set()
        self._put_off: dict[str, _PutOff] = {}

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
            ``disk_full``, ``disk_failed``; the catalog or the store is away.
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
        try:
            self._build([(file, place) for file in chosen if (place := self._place(file)) is not None])
        finally:
            self._contents.forget()
        return True

    def _build(self, sources: Sequence[tuple[ArchivedFile, Path]]) -> None:
        refused: Sequence[tuple[ArchivedFile, RecordError]] = ()
        if sources:
            try:
                built: BuiltBundle = build_bundle(self._folder, self._archive.settings.archive.installation, sources)
            except NothingToBundleError as nothing:
                refused = nothing.refused
            else:
                refused = built.refused
                self._archive.catalog.add_bundle(built.bundle)
        for file, error in refused:
            if file.id in self._changed:
                self._miss(file, str(error))
            self._changed.add(file.id)

    def _place(self, file: ArchivedFile) -> Path | None:
        local = None if file.id in self._changed else self._contents.local(file)
        if local is not None:
            return local
        try:
            return self._contents.fetch(file)
        except RecordError as error:
            self._miss(file, str(error))
            return None

    def _miss(self, file: ArchivedFile, sentence: str) -> None:
        self._put_off[file.id] = _PutOff(self._clock.monotonic_s() + _AGAIN_AFTER_S, sentence)
        self._changed.discard(file.id)  # then the recorders' own file may be the right one again
