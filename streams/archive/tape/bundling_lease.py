"""Which keeper chooses the files of new bundles, where several on different computers share a catalog."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Self

from connectors.catalog.opening import open_catalog
from models.errors import FatalError, RetryableError
from models.event_time import format_iso
from streams.archive.opened_archive import OpenedArchive

_NAME = "bundling"
#: Reason of a keeper that has to leave the making of bundles to another one.
BUNDLED_ELSEWHERE = "bundled_elsewhere"
#: So long nobody makes bundles after a computer is lost with its keeper; one that is started again in the same place
#: has the same name and goes on at once.
LENGTH_S = 900.0
# While a bundle is built, which may take longer.
_RENEW_S = LENGTH_S / 4


class BundlingLease:
    """The right to make bundles: two keepers who chose at once would bundle the same files.

    Parameters
    ----------
    host
        This computer's name.
    """

    def __init__(self, archive: OpenedArchive, host: str) -> None:
        self._archive = archive
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
            lease._end()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Take or renew the lease for the making of one bundle, and renew it while that lasts.

        It is let go at once when the bundle can't be made: another keeper may have the room that this one lacks.

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
                reason=BUNDLED_ELSEWHERE,
            )
        done = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(done,), name="bundling lease", daemon=True)
        renewing.start()
        try:
            yield
        except BaseException:
            done.set()
            renewing.join()
            self._end()
            raise
        done.set()
        renewing.join()

    def _end(self) -> None:
        with suppress(RetryableError, FatalError):
            self._catalog.end_lease(_NAME, self._holder)

    def _renew(self, done: threading.Event) -> None:
        """On a thread, with a catalog of its own. What can't be renewed now may be the next time, or ends."""
        while not done.wait(_RENEW_S):
            with (
                suppress(RetryableError, FatalError),
                closing(open_catalog(self._archive.settings.catalog, self._archive.folder)) as catalog,
            ):
                catalog.take_lease(_NAME, self._holder, LENGTH_S)
