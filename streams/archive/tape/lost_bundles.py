"""Forgets bundles that were lost from the disk before any cartridge had them, so that their files are bundled anew."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from connectors.catalog.catalog import Catalog
from streams.archive.tape.bundle_ids_file import BundleIdsFile
from streams.archive.tape.local_bundles import LocalBundles
from streams.archive.tape.remembered_bundles import RememberedBundles

_NAME = "bundles.here"


class LostBundles:
    """Remembers which bundles were on this keeper's disk: a catalog may have those of other keepers, on other disks.

    To build a lost bundle again each of its files would be wanted. Forgotten, one file that is lost, too, keeps no
    others from tape.

    Parameters
    ----------
    folder
        The archive's; the ids stand in a file there.
    tell
        Called with a sentence for each that is forgotten.
    """

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        local: LocalBundles,
        remembered: RememberedBundles,
        tell: Callable[[str], None],
    ) -> None:
        self._file = BundleIdsFile(folder / _NAME)
        self._catalog = catalog
        self._local = local
        self._remembered = remembered
        self._tell = tell
        self._ids = set[str]()
        with suppress(ValueError):  # damaged, it begins anew: `verify --repair` finds the rest
            self._ids = self._file.read()

    def forget(self) -> bool:
        """Forget those that are not on the disk any more, and of which no cartridge has, or had, a copy; whether any.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``; the catalog is away.
        """
        there = set(self._local.ids())
        forgotten = [id_ for id_ in sorted(self._ids - there) if self._is_forgotten(id_)]
        if there != self._ids:
            self._file.write(there)
            self._ids = there
        return bool(forgotten)

    def _is_forgotten(self, id_: str) -> bool:
        if self._catalog.bundle(id_) is None or self._catalog.bundle_copies([id_]):
            return False
        self._remembered.forget(id_)  # first: else the catalog would seem to be older than the tapes after a kill
        if not self._catalog.remove_bundle(id_):
            return False
        self._tell(f"bundle {id_} was lost from the disk before any cartridge had it; its files are bundled anew")
        return True
