"""The bundles that a keeper knows of, remembered beside the catalog: an older catalog is found out by them."""

from contextlib import suppress
from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.disk_failures import disk_failures
from connectors.durable_files import replace_file

_NAME = "bundles.known"


class RememberedBundles:
    """Ids of bundles in a file of the archive's folder, one a line.

    A catalog that was restored from an older backup, or begun anew, lacks some of them; their files would be bundled
    and written to tape once more.
    """

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._file = folder / _NAME
        self._catalog = catalog
        self._ids: set[str] | None = None

    def missing(self) -> str:
        """One sentence about bundles that the catalog does not have any more; empty when it has all.

        What it has besides is remembered from now on.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``; the catalog is away.
        """
        there = set(self._catalog.bundle_ids())
        with disk_failures(self._file.parent):
            known = self._ids if self._ids is not None else self._read()
            if not there <= known:
                replace_file(self._file, "".join(f"{id_}\n" for id_ in sorted(there | known)).encode())
        self._ids = there | known
        gone = len(known - there)
        if not gone:
            return ""
        return (
            f"the catalog {self._catalog.address} is older than the tapes, or was begun anew: it lacks {gone} bundles "
            "that were made before; run `petawatch archive rebuild-catalog MOUNT...` with each cartridge, until then "
            f"nothing is bundled (if no cartridge has them any more, remove {self._file})"
        )

    def _read(self) -> set[str]:
        with suppress(FileNotFoundError):
            return set(self._file.read_text().split())
        return set()
