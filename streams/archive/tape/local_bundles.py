"""The bundles on the disk: those that do not have all their copies on cartridges yet."""

from contextlib import suppress
from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.disk_failures import disk_failures
from connectors.tape.bundle_file import BuiltBundle, check_bundle, read_manifest
from models.errors import RecordError

#: So many may wait on the disk for their copies: then no more are made, and cartridges are mounted anew.
MOST_LOCAL = 8

BUNDLES_FOLDER = "bundles"
_SUFFIX = ".tar"


class LocalBundles:
    """The folder of bundles below the archive's folder; one keeper alone uses it."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.folder = folder / BUNDLES_FOLDER
        self._catalog = catalog

    def prepare(self) -> None:
        """Make the folder, and remove what a killed keeper left unfinished: it is built again.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``.
        """
        with disk_failures(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.folder.iterdir():
                if path.suffix != _SUFFIX or path.name.startswith("."):
                    path.unlink()

    def tell_catalog(self) -> bool:
        """Tell the catalog of bundles that it does not have, after a kill or since it is an older one; whether any.

        What is damaged, or holds files that were bundled otherwise meanwhile, is removed.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``; the catalog is away.
        """
        there = self.ids()
        known = set(self._catalog.bundle_ids()) if there else set()
        unknown = [id_ for id_ in there if id_ not in known]
        for id_ in unknown:
            if not self._is_told(id_):
                self.remove(id_)
        return bool(unknown)

    def _is_told(self, id_: str) -> bool:
        try:
            built, reading = check_bundle(self.folder / f"{id_}{_SUFFIX}")
        except RecordError:
            return False
        files = [member.file for member in built.manifest.members]
        if reading.damaged or built.manifest.bundle_id != id_ or self._catalog.bundles_of([file.id for file in files]):
            return False
        self._catalog.add_files(files)
        self._catalog.add_bundle(built.bundle)
        return True

    def ids(self) -> list[str]:
        """The bundles that are there, the oldest first."""
        with disk_failures(self.folder):
            found = [path for path in self.folder.glob(f"*{_SUFFIX}") if not path.name.startswith(".")]
            return [path.stem for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))]

    def opened(self, id_: str) -> BuiltBundle | None:
        """A bundle as it can be written to a cartridge; None when it is not there, or not as it was built: removed."""
        bundle, path = self._catalog.bundle(id_), self.folder / f"{id_}{_SUFFIX}"
        if not path.exists():
            return None
        try:
            with disk_failures(self.folder), path.open("rb") as stream:
                manifest = read_manifest(stream)
        except RecordError:
            self.remove(id_)
            return None
        if bundle is None or manifest.bundle_id != id_:
            self.remove(id_)
            return None
        return BuiltBundle(path=path, manifest=manifest, sha256=bundle.sha256, size_bytes=bundle.size_bytes)

    def size_bytes(self, id_: str) -> int:
        """Of the tar."""
        with disk_failures(self.folder):
            return (self.folder / f"{id_}{_SUFFIX}").stat().st_size

    def remove(self, id_: str) -> None:
        """Remove a bundle that is no longer needed here, or is no good."""
        with disk_failures(self.folder), suppress(FileNotFoundError):
            (self.folder / f"{id_}{_SUFFIX}").unlink()
