"""Which keeper chooses the files of new bundles, where several on different computers share a catalog."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from models.errors import RetryableError
from models.event_time import format_iso
from streams.archive.opened_archive import OpenedArchive

_NAME = "bundling"
#: Longer than any bundle takes to be built. So long nobody makes bundles after a computer is lost with its keeper; one
#: that is started again in the same place has the same name and goes on at once.
LENGTH_S = 3600.0


class BundlingLease:
    """The right to make bundles: two keepers who chose at once would bundle the same files.

    Parameters
    ----------
    host
        This computer's name.
    """

    def __init__(self, archive: OpenedArchive, host: str) -> None:
        self._catalog = archive.catalog
        self._holder = f"{archive.settings.archive.installation}, {host}, {archive.folder.resolve()}"

    @classmethod
    @contextmanager
    def opened(cls, archive: OpenedArchive) -> Iterator[Self]:
        """Let go at the block's end; what was not let go ends by itself."""
        lease = cls(archive, socket.gethostname())
        try:
            yield lease
        finally:
            with suppress(RetryableError):
                archive.catalog.end_lease(_NAME, lease._holder)

    def require(self) -> None:
        """Take or renew the lease; called before each bundle.

        Raises
        ------
        RetryableError
            ``bundled_elsewhere``: another keeper has it; or as the catalog.
        """
        lease = self._catalog.take_lease(_NAME, self._holder, LENGTH_S)
        if lease.holder != self._holder:
            raise RetryableError(
                f"another keeper ({lease.holder}) makes the bundles of the catalog {self._catalog.address}, until "
                f"{format_iso(lease.until_ns)} if it does not go on; this one only writes and reads what it has",
                reason="bundled_elsewhere",
            )
