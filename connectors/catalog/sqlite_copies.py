"""Copies, bundles and cartridges of a catalog in SQLite."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from connectors.catalog.sqlite_database import SqliteDatabase, listed, put_rows
from connectors.catalog.sqlite_failures import damaged
from models.archive.copies import Bundle, BundleCopy, BundleMember, StoreCopy
from models.archive.volumes import Volume

_MEMBER_COLUMNS = ("bundle_id", "position", "file_id", "name", "sha256", "size_bytes", "mtime_ns", "offset")


class SqliteCopies(SqliteDatabase):
    """The part of ``Catalog`` that is about copies and cartridges."""

    def add_store_copies(self, copies: Iterable[StoreCopy]) -> None:
        """Add or update copies in stores."""
        self._put("store_copies", copies)

    def remove_store_copy(self, id_: str) -> None:
        """Forget a copy that was removed from its store, before it is removed."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM store_copies WHERE store = ? AND file_id = ?", _parts(id_))

    def store_copies(self, file_ids: Collection[str]) -> dict[str, list[StoreCopy]]:
        """By file, in the order of their ids; files without are left out."""
        rows = self._rows(
            "SELECT * FROM store_copies WHERE file_id IN (SELECT value FROM json_each(?))", [listed(file_ids)]
        )
        found: defaultdict[str, list[StoreCopy]] = defaultdict(list)
        for copy in sorted(self._records(StoreCopy, rows), key=lambda copy: copy.id):
            found[copy.file_id].append(copy)
        return dict(found)

    def add_bundle(self, bundle: Bundle) -> None:
        """Add a bundle with its members."""
        members = ((bundle.id, place, *_member_values(member)) for place, member in enumerate(bundle.members))
        with self._writing() as connection:
            connection.execute("DELETE FROM bundle_members WHERE bundle_id = ?", [bundle.id])
            put_rows(connection, "bundle_members", _MEMBER_COLUMNS, members)
            row = (bundle.id, bundle.sha256, bundle.size_bytes, len(bundle.members))
            put_rows(connection, "bundles", ("id", "sha256", "size_bytes", "members"), [row])
            connection.execute(
                "UPDATE files SET bundled = 1 WHERE id IN (SELECT file_id FROM bundle_members WHERE bundle_id = ?)",
                [bundle.id],
            )

    def remove_bundle(self, id_: str) -> bool:
        """Forget a bundle that has no copy, whatever its state; whether it is forgotten. Its files wait for another."""
        with self._writing() as connection:
            if connection.execute("SELECT 1 FROM bundle_copies WHERE bundle_id = ? LIMIT 1", [id_]).fetchone():
                return False
            members = connection.execute("SELECT file_id FROM bundle_members WHERE bundle_id = ?", [id_]).fetchall()
            connection.execute("DELETE FROM bundle_members WHERE bundle_id = ?", [id_])
            connection.execute("DELETE FROM bundles WHERE id = ?", [id_])
            connection.executemany(
                "UPDATE files SET bundled = EXISTS (SELECT 1 FROM bundle_members WHERE file_id = id) WHERE id = ?",
                [(member["file_id"],) for member in members],
            )
        return True

    def bundle(self, id_: str) -> Bundle | None:
        """The bundle of this id, members in their order in the tar."""
        found = self._rows("SELECT id, sha256, size_bytes, members FROM bundles WHERE id = ?", [id_])
        if not found:
            return None
        rows = self._rows("SELECT * FROM bundle_members WHERE bundle_id = ? ORDER BY position", [id_])
        if len(rows) != found[0]["members"]:
            raise damaged(self._file, f"bundle {id_} has {len(rows)} of {found[0]['members']} members")
        members = tuple(self._records(BundleMember, rows))
        return Bundle(id=id_, sha256=found[0]["sha256"], size_bytes=found[0]["size_bytes"], members=members)

    def bundle_ids(self) -> list[str]:
        """The ids of all bundles, in their order."""
        return [row["id"] for row in self._rows("SELECT id FROM bundles ORDER BY id", [])]

    def bundles_of(self, file_ids: Collection[str]) -> dict[str, list[str]]:
        """The ids of the bundles that hold a file, by file; files without are left out."""
        statement = """SELECT DISTINCT file_id, bundle_id FROM bundle_members
            WHERE file_id IN (SELECT value FROM json_each(?)) ORDER BY file_id, bundle_id"""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._rows(statement, [listed(file_ids)]):
            found[row["file_id"]].append(row["bundle_id"])
        return dict(found)

    def put_bundle_copy(self, copy: BundleCopy) -> None:
        """Add or update a copy on a cartridge."""
        self._put("bundle_copies", [copy])

    def remove_bundle_copy(self, id_: str) -> None:
        """Forget a copy: it was never whole, or its cartridge is gone."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM bundle_copies WHERE volume = ? AND bundle_id = ?", _parts(id_))

    def bundle_copies(self, bundle_ids: Collection[str] | None = None, volume: str = "") -> list[BundleCopy]:
        """Copies of some bundles (all when None), of one cartridge when named; by volume, partition, start block."""
        terms, values = [], []
        if bundle_ids is not None:
            terms.append("bundle_id IN (SELECT value FROM json_each(?))")
            values.append(listed(bundle_ids))
        if volume:
            terms.append("volume = ?")
            values.append(volume)
        where = f"WHERE {' AND '.join(terms)}" if terms else ""
        order = "ORDER BY volume, partition, start_block, bundle_id"
        return self._records(BundleCopy, self._rows(f"SELECT * FROM bundle_copies {where} {order}", values))  # noqa: S608 - our own terms

    def put_volume(self, volume: Volume) -> None:
        """Add or update a cartridge."""
        self._put("volumes", [volume])

    def volumes(self) -> list[Volume]:
        """The inventory, by barcode, then uuid."""
        return self._records(Volume, self._rows("SELECT * FROM volumes ORDER BY barcode, uuid"))


def _member_values(member: BundleMember) -> tuple[str | int, ...]:
    return (member.file_id, member.name, member.sha256, member.size_bytes, member.mtime_ns, member.offset)


def _parts(id_: str) -> list[tuple[str, str]]:
    """The two parts of an id; of one with several bars each pair that it may be made of."""
    pieces = id_.split("|")
    return [("|".join(pieces[:cut]), "|".join(pieces[cut:])) for cut in range(1, len(pieces))]
