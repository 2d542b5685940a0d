"""The bundles that are on cartridges, remembered beside the catalog: an older catalog is found out by them."""

from pathlib import Path

from connectors.catalog.catalog import Catalog
from models.errors import FatalError
from streams.archive.tape.bundle_ids_file import BundleIdsFile

_NAME = "bundles.known"


class RememberedBundles:
    """Those that the catalog was seen to have on cartridges.

    A catalog that was restored from an older backup, or begun anew, lacks some of them; their files would be bundled
    and written to tape once more.
    """

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._file = BundleIdsFile(folder / _NAME)
        self._catalog = catalog
        self._ids: set[str] | None = None

    def compare(self) -> str:
        """One sentence about bundles that the catalog does not have any more; empty when it has all.

        What it has on cartridges besides is remembered from now on: one that was on none may have been forgotten.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``; the catalog is away.
        FatalError
            ``state_damaged``: the file is none of ours.
        """
        there = set(self._catalog.bundle_ids())
        known = self._known() | {copy.bundle_id for copy in self._catalog.bundle_copies()} & there
        self._remember(known)
        gone = len(known - there)
        if not gone:
            return ""
        return (
            f"the catalog {self._catalog.address} is older than the tapes, or was begun anew: it lacks {gone} bundles "
            "that were made before; run `petawatch archive rebuild-catalog MOUNT...` with each cartridge, until then "
            f"nothing is bundled (if no cartridge has them any more, remove {self._file.path})"
        )

    def forget(self, id_: str) -> None:
        """A bundle is to be forgotten by the catalog, too.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``.
        """
        self._remember(self._known() - {id_})

    def _known(self) -> set[str]:
        return self._ids if self._ids is not None else self._read()

    def _remember(self, ids: set[str]) -> None:
        if ids != self._known():
            self._file.write(ids)
        self._ids = ids

    def _read(self) -> set[str]:
        try:
            return self._file.read()
        except ValueError as error:
            raise FatalError(
                f"{self._file.path} can't be read ({error}); if the catalog was not restored from a backup, remove it: "
                "it is made anew",
                reason="state_damaged",
            ) from error
