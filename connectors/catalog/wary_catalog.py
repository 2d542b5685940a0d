"""A catalog that trusts no more than is known beside it: it may have been restored from an older backup."""

from collections.abc import Collection, Iterable
from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.catalog.losses_file import LossesFile
from models.archive.copies import BundleCopy, CopyState, StoreCopy
from models.archive.lost_trust import (
    bundle_copy_loss,
    bundle_copy_subject,
    store_copy_loss,
    store_copy_subject,
    volume_loss,
    volume_subject,
    wary_bundle_copy,
    wary_store_copy,
    wary_volume,
)
from models.archive.safety import is_trusted
from models.archive.volumes import Volume


class WaryCatalog:
    """``Catalog`` around another one. What takes trust away is remembered before that one has it.

    Copies and cartridges are read as they are after all that is remembered; where the catalog says more, it is put
    right at once, for those who read it from elsewhere.

    Parameters
    ----------
    folder
        The archive's.
    """

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog = catalog
        self._losses = LossesFile(folder)
        self.address = catalog.address
        self.add_files = catalog.add_files
        self.file = catalog.file
        self.find_files = catalog.find_files
        self.known_files = catalog.known_files
        self.remove_store_copy = catalog.remove_store_copy
        self.add_bundle = catalog.add_bundle
        self.remove_bundle = catalog.remove_bundle
        self.bundle = catalog.bundle
        self.bundle_ids = catalog.bundle_ids
        self.bundles_of = catalog.bundles_of
        self.unbundled_files = catalog.unbundled_files
        self.remove_bundle_copy = catalog.remove_bundle_copy
        self.add_triplet_buckets = catalog.add_triplet_buckets
        self.triplet_buckets = catalog.triplet_buckets
        self.add_episodes = catalog.add_episodes
        self.episodes = catalog.episodes
        self.add_verdicts = catalog.add_verdicts
        self.verdicts = catalog.verdicts
        self.take_lease = catalog.take_lease
        self.end_lease = catalog.end_lease
        self.close = catalog.close

    def add_store_copies(self, copies: Iterable[StoreCopy]) -> None:
        """Add or update copies in stores."""
        copies = list(copies)
        damaged = [copy for copy in copies if copy.damaged]
        try:
            if damaged:
                there = self.store_copies([copy.file_id for copy in damaged])
                before = {copy.id: copy for of_file in there.values() for copy in of_file}
                self._losses.note(store_copy_loss(before.get(copy.id), copy) for copy in damaged)
        finally:  # a full disk here keeps nothing bad from the catalog
            self._catalog.add_store_copies(copies)

    def store_copies(self, file_ids: Collection[str]) -> dict[str, list[StoreCopy]]:
        """By file, in the order of their ids; files without are left out."""
        found, losses = self._catalog.store_copies(file_ids), self._losses.known()
        if not losses:
            return found
        wary = {
            id_: [wary_store_copy(copy, losses.get(store_copy_subject(copy))) for copy in copies]
            for id_, copies in found.items()
        }
        if changed := [copy for id_, copies in wary.items() for copy in copies if copy not in found[id_]]:
            self._catalog.add_store_copies(changed)
        return wary

    def put_bundle_copy(self, copy: BundleCopy) -> None:
        """Add or update a copy on a cartridge."""
        try:
            if copy.state is not CopyState.SAFE:
                before = {known.id: known for known in self.bundle_copies([copy.bundle_id])}
                self._losses.note([bundle_copy_loss(before.get(copy.id), copy)])
        finally:
            self._catalog.put_bundle_copy(copy)

    def bundle_copies(self, bundle_ids: Collection[str] | None = None, volume: str = "") -> list[BundleCopy]:
        """Copies of some bundles (all when None), of one cartridge when named; by volume, partition, start block."""
        found, losses = self._catalog.bundle_copies(bundle_ids, volume), self._losses.known()
        wary = [wary_bundle_copy(copy, losses.get(bundle_copy_subject(copy))) for copy in found]
        for copy, before in zip(wary, found, strict=True):
            if copy != before:
                self._catalog.put_bundle_copy(copy)
        return wary

    def put_volume(self, volume: Volume) -> None:
        """Add or update a cartridge."""
        try:
            if not is_trusted(volume):
                before = {known.uuid: known for known in self.volumes()}
                self._losses.note([volume_loss(before.get(volume.uuid), volume)])
        finally:
            self._catalog.put_volume(volume)

    def volumes(self) -> list[Volume]:
        """The inventory, by barcode, then uuid."""
        found, losses = self._catalog.volumes(), self._losses.known()
        wary = [wary_volume(volume, losses.get(volume_subject(volume))) for volume in found]
        for volume, before in zip(wary, found, strict=True):
            if volume != before:
                self._catalog.put_volume(volume)
        return wary
