"""Copies, bundles and cartridges of a catalog in MongoDB."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from connectors.catalog.batches import batches
from connectors.catalog.documents import values_of
from connectors.catalog.mongodb_database import FEW, Document, MongodbDatabase
from connectors.catalog.mongodb_failures import damaged
from models.archive.copies import Bundle, BundleCopy, BundleMember, StoreCopy
from models.archive.volumes import Volume


class MongodbCopies(MongodbDatabase):
    """The part of ``Catalog`` that is about copies and cartridges."""

    def add_store_copies(self, copies: Iterable[StoreCopy]) -> None:
        """Add or update copies in stores."""
        self._put("store_copies", ({"_id": copy.id, **values_of(copy)} for copy in copies))

    def remove_store_copy(self, id_: str) -> None:
        """Forget a copy that was removed from its store, before it is removed."""
        with self._clear():
            self._database.store_copies.delete_one({"_id": id_})

    def store_copies(self, file_ids: Collection[str]) -> dict[str, list[StoreCopy]]:
        """By file, in the order of their ids; files without are left out."""
        found: defaultdict[str, list[StoreCopy]] = defaultdict(list)
        for document in sorted(self._any_of("store_copies", "file_id", file_ids), key=lambda each: str(each["_id"])):
            found[document["file_id"]].append(self._record(StoreCopy, document))
        return dict(found)

    def add_bundle(self, bundle: Bundle) -> None:
        """Add a bundle with its members: documents of their own, since one can't hold hundreds of thousands.

        The bundle itself is written after its members: without it they are as if they were not there.
        """
        self._put("bundle_members", (_member(bundle.id, *placed) for placed in enumerate(bundle.members)))
        document = {"sha256": bundle.sha256, "size_bytes": bundle.size_bytes, "members": len(bundle.members)}
        self._put("bundles", [{"_id": bundle.id, **document}])
        self._mark_bundled(member.file_id for member in bundle.members)

    def remove_bundle(self, id_: str) -> bool:
        """Forget a bundle that has no copy, whatever its state; whether it is forgotten. Its files wait for another.

        The files lose their marks first: the search marks them again as long as the bundle is there. What is left of
        its members, after a kill, is as if it were not there.
        """
        if self.bundle_copies([id_]):
            return False
        members = self._all("bundle_members", {"bundle_id": id_}, ("position",), index="by_place")
        self._mark_bundled((document["file_id"] for document in members), bundled=False)
        with self._clear():
            self._database.bundles.delete_one({"_id": id_})
        for some in batches((document["_id"] for document in members), FEW):
            with self._clear():
                self._database.bundle_members.delete_many({"_id": {"$in": some}})
        return True

    def bundle(self, id_: str) -> Bundle | None:
        """The bundle of this id, members in their order in the tar."""
        found = self._all("bundles", {"_id": id_})
        if not found:
            return None
        documents = self._all("bundle_members", {"bundle_id": id_}, ("position",), index="by_place")
        if len(documents) != found[0]["members"]:
            raise damaged(self._settings, f"bundle {id_} has {len(documents)} of {found[0]['members']} members")
        members = tuple(self._record(BundleMember, document) for document in documents)
        return Bundle(id=id_, sha256=found[0]["sha256"], size_bytes=found[0]["size_bytes"], members=members)

    def bundle_ids(self) -> list[str]:
        """The ids of all bundles, in their order."""
        return [document["_id"] for document in self._all("bundles", {}, ("_id",), fields=("_id",), index="_id_")]

    def bundles_of(self, file_ids: Collection[str]) -> dict[str, list[str]]:
        """The ids of the bundles that hold a file, by file; files without are left out."""
        pairs = {
            (document["file_id"], document["bundle_id"])
            for document in self._any_of("bundle_members", "file_id", file_ids, ("file_id", "bundle_id"))
        }
        whole = {each["_id"] for each in self._any_of("bundles", "_id", {bundle for _, bundle in pairs}, ("_id",))}
        found: defaultdict[str, list[str]] = defaultdict(list)
        for file_id, bundle_id in sorted(pairs):
            if bundle_id in whole:
                found[file_id].append(bundle_id)
        return dict(found)

    def put_bundle_copy(self, copy: BundleCopy) -> None:
        """Add or update a copy on a cartridge."""
        self._put("bundle_copies", [{"_id": copy.id, **values_of(copy)}])

    def remove_bundle_copy(self, id_: str) -> None:
        """Forget a copy: it was never whole, or its cartridge is gone."""
        with self._clear():
            self._database.bundle_copies.delete_one({"_id": id_})

    def bundle_copies(self, bundle_ids: Collection[str] | None = None, volume: str = "") -> list[BundleCopy]:
        """Copies of some bundles (all when None), of one cartridge when named; by volume, partition, start block."""
        if bundle_ids is None:
            order = ("volume", "partition", "start_block", "bundle_id")
            documents = self._all("bundle_copies", {"volume": volume} if volume else {}, order, index="by_place")
            return [self._record(BundleCopy, document) for document in documents]
        copies = [
            self._record(BundleCopy, document) for document in self._any_of("bundle_copies", "bundle_id", bundle_ids)
        ]
        wanted = [copy for copy in copies if not volume or copy.volume == volume]
        return sorted(wanted, key=lambda copy: (copy.volume, copy.partition, copy.start_block, copy.bundle_id))

    def put_volume(self, volume: Volume) -> None:
        """Add or update a cartridge."""
        self._put("volumes", [{"_id": volume.uuid, **values_of(volume)}])

    def volumes(self) -> list[Volume]:
        """The inventory, by barcode, then uuid."""
        documents = self._all("volumes", {}, ("barcode", "_id"), index="by_barcode")
        return [self._record(Volume, document) for document in documents]

    def _mark_bundled(self, file_ids: Iterable[str], *, bundled: bool = True) -> None:
        """Leave files out of the next search for those that wait for a bundle, or take them into it again."""
        for some in batches(file_ids, FEW):
            with self._clear():
                self._database.files.update_many({"_id": {"$in": some}}, {"$set": {"bundled": bundled}})


def _member(bundle_id: str, position: int, member: BundleMember) -> Document:
    place = {"bundle_id": bundle_id, "position": position}
    return {"_id": f"{bundle_id}|{position:08d}", **place, **values_of(member)}
