"""Takes bundles that lie on a mounted cartridge into the catalog, by what they say of themselves."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.spool_listing import mtime_ns
from connectors.tape.cartridge import Cartridge
from models.archive.bundle_manifest import BundleManifest
from models.archive.copies import Bundle, BundleCopy, CopyState, Damage
from models.errors import RecordError

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """A bundle's copy as the catalog has it now.

    Attributes
    ----------
    new_files
        So many of its files were not in the catalog before.
    """

    copy: BundleCopy
    new_files: int


def take_in(cartridge: Cartridge, path: str, catalog: Catalog, installation: str) -> TakenIn:
    """Take a bundle with its files and this copy into the catalog; doing it again changes nothing.

    A copy that the catalog did not know is noted as written in this mount: it counts for nothing until it was read back
    in a later one. One that ends before its last file does is noted as damaged.

    Parameters
    ----------
    path
        Below the cartridge's root.
    installation
        Ours.

    Raises
    ------
    RecordError
        ``bundle_foreign``, ``bundle_damaged``, ``bundle_too_new``: it is left out.
    RetryableError
        The cartridge can't be read, or the catalog is away.
    """
    manifest = _manifest_of(cartridge, path, installation)
    bundle = _bundle_of(cartridge, path, manifest, catalog)
    copy = _copy_of(cartridge, path, bundle, catalog)
    new_files = catalog.add_files([member.file for member in manifest.members])
    catalog.add_bundle(bundle)
    catalog.put_bundle_copy(copy)
    return TakenIn(copy=copy, new_files=new_files)


class BundleIntake:
    """Takes in what lies on each cartridge that is mounted, once a mount; a bundle that can't be is told and left out.

    Parameters
    ----------
    installation
        Ours.
    tell
        Called with a sentence about what was taken in, and what was left out.
    """

    def __init__(self, catalog: Catalog, installation: str, tell: Callable[[str], None]) -> None:
        self._catalog = catalog
        self._installation = installation
        self._tell = tell
        # By uuid, the mount in which all of a cartridge was looked at.
        self._seen: dict[str, str] = {}

    def look_anew(self) -> None:
        """Look at all of each cartridge again, though its mount is the same."""
        self._seen.clear()

    def take_in(self, cartridge: Cartridge) -> bool:
        """Take in what the catalog does not know of a cartridge; whether there was any.

        Raises
        ------
        RetryableError
            The cartridge can't be read, or the catalog is away: the rest is taken in the next time.
        """
        if self._seen.get(cartridge.uuid) == cartridge.mount_id:
            return False
        there = self._catalog.bundle_copies(volume=cartridge.uuid)
        bundles = set(self._catalog.bundle_ids())
        known = {copy.path for copy in there if copy.bundle_id in bundles}
        taken = sum(self._is_taken_in(cartridge, path) for path in cartridge.bundle_paths() if path not in known)
        self._seen[cartridge.uuid] = cartridge.mount_id
        if taken:
            self._tell(
                f"the cartridge {cartridge.label} holds {taken} bundles that the catalog did not know; they are in it "
                "now, and count once they were read back"
            )
        return taken > 0

    def _is_taken_in(self, cartridge: Cartridge, path: str) -> bool:
        try:
            take_in(cartridge, path, self._catalog, self._installation)
        except RecordError as error:
            self._tell(str(error))
            return False
        return True


def _manifest_of(cartridge: Cartridge, path: str, installation: str) -> BundleManifest:
    place = cartridge.root / path
    manifest = cartridge.bundles.manifest(path)
    if manifest.installation != installation:
        raise RecordError(
            f"the bundle {place} belongs to the installation {manifest.installation!r} and not to {installation!r}; it "
            "is left out",
            reason="bundle_foreign",
        )
    if Path(path).stem != manifest.bundle_id:
        raise RecordError(
            f"the bundle {place} is {manifest.bundle_id} by its manifest; it is left out, give it its name back",
            reason="bundle_damaged",
        )
    return manifest


def _bundle_of(cartridge: Cartridge, path: str, manifest: BundleManifest, catalog: Catalog) -> Bundle:
    """The bundle with its SHA-256: as the catalog knows it, else as it was noted on the tape, else it is read."""
    place = cartridge.root / path
    noted = cartridge.noted_sha256(path)
    known = catalog.bundle(manifest.bundle_id)
    if known is not None:
        if noted in {"", known.sha256}:
            return known
        raise RecordError(
            f"the bundle {place} has another SHA-256 noted than the catalog has for it; it is left out",
            reason="bundle_damaged",
        )
    if _SHA256.fullmatch(noted):
        return manifest.bundle(noted, cartridge.bundles.status(path).st_size)
    built, reading = cartridge.bundles.check(path)
    if reading.damaged:
        raise RecordError(
            f"the bundle {place} is damaged, and no SHA-256 is noted for it: {len(reading.damaged)} of its files, "
            f"the first {reading.damaged[0].name}; it is left out, tar reads the others",
            reason="bundle_damaged",
        )
    return built.bundle


def _copy_of(cartridge: Cartridge, path: str, bundle: Bundle, catalog: Catalog) -> BundleCopy:
    status = cartridge.bundles.status(path)
    partition, start_block = cartridge.placement(path)
    known = {copy.volume: copy for copy in catalog.bundle_copies([bundle.id])}.get(cartridge.uuid)
    copy = known or BundleCopy(
        bundle_id=bundle.id,
        volume=cartridge.uuid,
        path=path,
        state=CopyState.WRITTEN,
        mount_id=cartridge.mount_id,
        written_ns=mtime_ns(status),
    )
    copy = replace(copy, path=path, partition=partition, start_block=start_block)
    if status.st_size == bundle.size_bytes and status.st_size >= _end_of(bundle):
        return copy
    return replace(copy, state=CopyState.DAMAGED, damaged=Damage.CUT_OFF)


def _end_of(bundle: Bundle) -> int:
    """Where the last content ends."""
    return max((member.offset + member.size_bytes for member in bundle.members), default=0)
