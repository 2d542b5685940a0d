"""The protocol of the catalog."""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, StoreCopy
from models.archive.file_query import FileQuery
from models.archive.findings import Episode, TripletBucket, Verdict
from models.archive.leases import Lease
from models.archive.volumes import Volume


class Catalog(Protocol):
    """What the archive knows. Writing is idempotent by computed ids; what a method has written is durable on return.

    Safe for several processes; an object is for one thread. Every method raises ``RetryableError``
    (``catalog_away``, ``catalog_busy``, ``disk_full``) and ``FatalError`` (``catalog_login``, ``catalog_too_new``,
    ``catalog_damaged``, ``catalog_refused``).
    """

    @property
    def address(self) -> str:
        """For sentences; without secrets."""
        ...

    def add_files(self, files: Iterable[ArchivedFile]) -> int:
        """Add or update files; how many were not known.

        A file without any description (times, devices, records, ``refused``) leaves that of a known one as it is.
        """
        ...

    def file(self, id_: str) -> ArchivedFile | None:
        """The file of this id."""
        ...

    def find_files(self, query: FileQuery) -> Iterator[ArchivedFile]:
        """The files that are asked for, by time (those without records by their date), then by id."""
        ...

    def known_files(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that the catalog has."""
        ...

    def add_store_copies(self, copies: Iterable[StoreCopy]) -> None:
        """Add or update copies in stores."""
        ...

    def remove_store_copy(self, id_: str) -> None:
        """Forget a copy that was removed from its store, before it is removed."""
        ...

    def store_copies(self, file_ids: Collection[str]) -> dict[str, list[StoreCopy]]:
        """By file, in the order of their ids; files without are left out."""
        ...

    def add_bundle(self, bundle: Bundle) -> None:
        """Add a bundle with its members."""
        ...

    def remove_bundle(self, id_: str) -> bool:
        """Forget a bundle that has no copy, whatever its state; whether it is forgotten. Its files wait for another."""
        ...

    def bundle(self, id_: str) -> Bundle | None:
        """The bundle of this id, members in their order in the tar."""
        ...

    def bundle_ids(self) -> list[str]:
        """The ids of all bundles, in their order: also of those that have no copy, or none any more."""
        ...

    def bundles_of(self, file_ids: Collection[str]) -> dict[str, list[str]]:
        """The ids of the bundles that hold a file, by file; files without are left out."""
        ...

    def unbundled_files(self, limit: int) -> list[ArchivedFile]:
        """Files that are in no bundle yet, ordered by date, recorder, time and id: the order of tapes."""
        ...

    def put_bundle_copy(self, copy: BundleCopy) -> None:
        """Add or update a copy on a cartridge."""
        ...

    def remove_bundle_copy(self, id_: str) -> None:
        """Forget a copy: it was never whole, or its cartridge is gone."""
        ...

    def bundle_copies(self, bundle_ids: Collection[str] | None = None, volume: str = "") -> list[BundleCopy]:
        """Copies of some bundles (all when None), of one cartridge when named; by volume, partition, start block."""
        ...

    def put_volume(self, volume: Volume) -> None:
        """Add or update a cartridge."""
        ...

    def volumes(self) -> list[Volume]:
        """The inventory, by barcode, then uuid."""
        ...

    def add_triplet_buckets(self, buckets: Iterable[TripletBucket]) -> None:
        """Add or update."""
        ...

    def triplet_buckets(self, from_ns: int | None, to_ns: int | None, stage: str = "") -> list[TripletBucket]:
        """By stage and minute; ``stage`` is a pattern."""
        ...

    def add_episodes(self, episodes: Iterable[Episode]) -> None:
        """Add or update."""
        ...

    def episodes(self, from_ns: int | None, to_ns: int | None) -> list[Episode]:
        """Those that touch a stretch of event time, by first shot and id."""
        ...

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Add or update."""
        ...

    def verdicts(self, alert_id: str = "") -> list[Verdict]:
        """By time and id."""
        ...

    def take_lease(self, name: str, holder: str, length_s: float) -> Lease:
        """Take a lease, or renew it, if no other holder has it; the lease that holds from now on.

        Its end is told, and judged, by the clock of the catalog's server (of this computer for a file): those who ask
        need not have the same time.
        """
        ...

    def end_lease(self, name: str, holder: str) -> None:
        """Let a lease go; nothing happens when another one has it."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...
