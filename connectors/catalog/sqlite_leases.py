"""Leases of a catalog in SQLite: for those who share a file."""

from connectors.catalog.sqlite_database import SqliteDatabase, put_rows
from models.archive.leases import Lease, next_lease
from models.event_time import MILLISECOND_NS, SECOND_NS

# Of SQLite itself: who asks need not have a clock.
_NOW_MS = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


class SqliteLeases(SqliteDatabase):
    """The part of ``Catalog`` that is about leases."""

    def take_lease(self, name: str, holder: str, length_s: float) -> Lease:
        """Take a lease, or renew it, if no other holder has it; the lease that holds from now on."""
        with self._writing() as connection:
            now_ns = int(connection.execute(_NOW_MS).fetchone()[0]) * MILLISECOND_NS
            row = connection.execute("SELECT holder, until_ns FROM leases WHERE name = ?", [name]).fetchone()
            known = None if row is None else Lease(name=name, holder=row["holder"], until_ns=row["until_ns"])
            wanted = Lease(name=name, holder=holder, until_ns=now_ns + round(length_s * SECOND_NS))
            lease = next_lease(known, wanted, now_ns)
            if lease != known:
                put_rows(connection, "leases", ("name", "holder", "until_ns"), [(name, holder, lease.until_ns)])
        return lease

    def end_lease(self, name: str, holder: str) -> None:
        """Let a lease go; nothing happens when another one has it."""
        with self._writing() as connection:
            connection.execute("DELETE FROM leases WHERE name = ? AND holder = ?", [name, holder])
