"""The bundles on the disk: those that do not have all their copies on cartridges yet."""

from contextlib import suppress
from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.disk_failures import disk_failures
from connectors.tape.bundle_file import BuiltBundle, read_manifest
from models.errors import RecordError

#: So many may wait on the disk for their copies: then no more are made, and cartridges are mounted anew.
MOST_LOCAL = 8

_FOLDER = "bundles"
_SUFFIX = ".tar"


class LocalBundles:
    """The folder of bundles below the archive's folder; one keeper alone uses it."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.folder = folder / _FOLDER
        self._catalog = catalog

    def prepare(self) -> None:
        """Make the folder, and remove what a killed keeper left: what the catalog does not have is built again.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``.
        """
        with disk_failures(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            known = set(self._catalog.bundle_ids())
            for path in self.folder.iterdir():
                if path.suffix != _SUFFIX or path.name.startswith(".") or path.stem not in known:
                    path.unlink()

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
