"""Opens the store that an address means."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.archive.directory_store import DirectoryStore
from connectors.archive.store import ArchiveStore
from connectors.object_store.settings import ObjectStoreSettings

_FILE = "file://"


def open_store(address: str, object_store: ObjectStoreSettings, *, retention_days: int = 0) -> ArchiveStore:  # noqa: ARG001
    """The store of an address; nothing is asked of it yet.

    Parameters
    ----------
    address
        A folder, or ``file:///FOLDER``.
    """
    path = unquote(urlsplit(address).path) if address.startswith(_FILE) else address
    return DirectoryStore(Path(path))
