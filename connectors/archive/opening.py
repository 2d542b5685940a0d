"""Opens the store that an address means."""

from pathlib import Path
from urllib.parse import unquote

from connectors.archive.directory_store import DirectoryStore
from connectors.archive.store import ArchiveStore
from connectors.clock import SystemClock
from connectors.object_store.address import ObjectAddress, is_address
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError

_FILE = "file://"


def open_store(address: str, object_store: ObjectStoreSettings, *, retention_days: int = 0) -> ArchiveStore:
    """The store of an address; nothing is asked of it yet.

    Parameters
    ----------
    address
        ``s3://BUCKET``, the whole path of a folder, or ``file:///FOLDER``.
    retention_days
        Of each version in a bucket; a folder locks nothing.

    Raises
    ------
    FatalError
        ``archive_store_refused``, ``archive_store_login``.
    """
    if is_address(address):
        from connectors.archive.bucket_store import BucketStore  # noqa: PLC0415 - a folder needs no client of a server

        return BucketStore(object_store, _bucket(address), retention_days, SystemClock())
    if retention_days:
        raise FatalError(
            f"archive.retention_days = {retention_days} can't be kept by the folder {address}; name a bucket as "
            "archive.store, or set it to 0",
            reason="archive_store_refused",
        )
    return DirectoryStore(_folder(address))


def folder_of(address: str) -> Path | None:
    """The folder of a store by its address; None of a bucket."""
    return None if is_address(address) else _folder(address)


def _folder(address: str) -> Path:
    host, _, path = address.removeprefix(_FILE).partition("/")
    if address.startswith(_FILE) and host in {"", "localhost"}:
        return Path(f"/{unquote(path)}")
    folder = Path(address)
    if not folder.is_absolute():  # it would be another one wherever the program is started
        raise FatalError(
            f"{address} is no place for an archive; write s3://BUCKET, or the whole path of a folder: /srv/archive",
            reason="archive_store_refused",
        )
    return folder


def _bucket(address: str) -> str:
    try:
        parsed = ObjectAddress.parse(address)
    except FatalError as error:
        raise FatalError(str(error), reason="archive_store_refused") from error
    if parsed.prefix:
        raise FatalError(
            f"{address} is a part of a bucket; an archive has a bucket of its own, write s3://{parsed.bucket}",
            reason="archive_store_refused",
        )
    return parsed.bucket
