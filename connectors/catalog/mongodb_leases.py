"""Leases of a catalog in MongoDB: for keepers on several computers."""

from datetime import UTC

from pymongo.errors import DuplicateKeyError

from connectors.catalog.documents import values_of
from connectors.catalog.mongodb_database import MongodbDatabase
from models.archive.leases import Lease, next_lease
from models.event_time import SECOND_NS, from_datetime


class MongodbLeases(MongodbDatabase):
    """The part of ``Catalog`` that is about leases."""

    def take_lease(self, name: str, holder: str, length_s: float) -> Lease:
        """Take a lease, or renew it, if no other holder has it; the lease that holds from now on."""
        while True:
            with self._clear():
                now_ns = from_datetime(self._client.admin.command("hello")["localTime"].replace(tzinfo=UTC))
                document = self._database.leases.find_one({"_id": name})
            known = None if document is None else self._record(Lease, document)
            wanted = Lease(name=name, holder=holder, until_ns=now_ns + round(length_s * SECOND_NS))
            lease = next_lease(known, wanted, now_ns)
            if lease == known or self._is_exchanged(known, lease):
                return lease

    def end_lease(self, name: str, holder: str) -> None:
        """Let a lease go; nothing happens when another one has it."""
        with self._clear():
            self._database.leases.delete_one({"_id": name, "holder": holder})

    def _is_exchanged(self, known: Lease | None, lease: Lease) -> bool:
        """Note a lease in the place of the known one; False when another one was quicker."""
        document = {"_id": lease.name, **values_of(lease)}
        with self._clear():
            if known is not None:
                there = {"_id": lease.name, "holder": known.holder, "until_ns": known.until_ns}
                return self._database.leases.replace_one(there, document).matched_count == 1
            try:
                self._database.leases.insert_one(document)
            except DuplicateKeyError:
                return False
            return True
