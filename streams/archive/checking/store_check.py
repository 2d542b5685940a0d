"""Whether a store takes what is archived, keeps it, and gives it back."""

import hashlib
import io
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from connectors.archive.archive_keys import PROBE_KEY
from connectors.archive.opening import open_store
from connectors.archive.outbox import OUTBOX_NAME, ArchiveOutbox
from connectors.archive.store import ArchiveStore
from connectors.disk_failures import disk_failures
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from streams.archive.places import require_apart
from streams.archive.uploading.store_sink import prepared_note
from streams.installation_finding import Finding
from streams.settings import Settings

# One content for one key, always the same: it is there once at most, however often somebody looks.
_PROBE = b"Written by petawatch check to see whether the archive's store works. It may be removed.\n"
_PATIENCE_S = 10.0


def check_store(settings: Settings, folder: Path | None, watched: Sequence[Path] = ()) -> Finding:
    """Write a small object, read it back and remove it; a locked one stays, and is taken again the next time.

    Parameters
    ----------
    folder
        The archive's: where its outbox is, the store must be there, but an empty folder may be a new one.
    watched
        Must not overlap with the store.
    """
    archive, what = settings.archive, f"archive store {settings.archive.store}"
    once = replace(settings.object_store, retries=0, timeout_s=min(settings.object_store.timeout_s, _PATIENCE_S))
    try:
        require_apart(archive.store, watched)
        store = open_store(archive.store, once, retention_days=archive.retention_days)
        store.check()
        left = _write_and_read(store, must_remove=archive.free_store)
    except PetawatchError as error:
        if error.reason != "archive_store_missing":
            return Finding(what, False, str(error))
        if folder is None or not (folder / OUTBOX_NAME).exists():
            return Finding(what, True, "is not there yet; petawatch archive run makes it")
        if store.is_there() and not _was_used(folder, store):
            return Finding(what, True, "is there and holds no archive yet; petawatch archive run begins one in it")
        return Finding(what, False, str(error))
    return Finding(what, True, f"keeps versions; a small object was written and read back, {left}")


def _was_used(folder: Path, store: ArchiveStore) -> bool:
    outbox = ArchiveOutbox.open_for_reading(folder)
    if outbox is None:
        return False
    with closing(outbox):
        return bool(outbox.note(prepared_note(store.address)))


def _write_and_read(store: ArchiveStore, *, must_remove: bool) -> str:
    """What became of the object in the end."""
    sha256 = hashlib.sha256(_PROBE).hexdigest()
    with ExitStack() as stack:
        with disk_failures(Path(tempfile.gettempdir())):
            source = Path(stack.enter_context(tempfile.TemporaryDirectory())) / PROBE_KEY
            source.write_bytes(_PROBE)
        version = store.put(PROBE_KEY, source, sha256, len(_PROBE), {"sha256": sha256})
    into = io.BytesIO()
    if store.read(PROBE_KEY, version.version, into) != sha256:
        raise RetryableError(
            f"{store.address} gives back another content of {PROBE_KEY} than was written; look at its disks",
            reason="archive_store_garbled",
        )
    try:
        store.remove(PROBE_KEY, version.version)
    except RecordError:
        return f"and stays as {PROBE_KEY} until its lock ends"
    except FatalError:  # may be wanted so: who archives need not be able to remove
        if must_remove:
            raise
        return f"and stays as {PROBE_KEY}, which this user may not remove"
    return "and removed"
