"""Stores in which files were archived before ``archive.store`` named another one: their copies are still read."""

from connectors.archive.opening import open_store
from connectors.archive.store import ArchiveStore
from connectors.object_store.settings import ObjectStoreSettings


class EarlierStores:
    """Opens the stores that the catalog names, each once; who reads from one finds out whether it is there.

    Parameters
    ----------
    object_store
        How buckets are reached: as the present one is.
    """

    def __init__(self, object_store: ObjectStoreSettings) -> None:
        self._object_store = object_store
        self._opened: dict[str, ArchiveStore] = {}

    def __call__(self, address: str) -> ArchiveStore:
        """The store of an address.

        Raises
        ------
        FatalError
            ``archive_store_refused``, ``archive_store_login``.
        """
        if address not in self._opened:
            self._opened[address] = open_store(address, self._object_store)
        return self._opened[address]
