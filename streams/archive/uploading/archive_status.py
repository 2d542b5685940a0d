"""How the archive stands, as one document; changes nothing, also while an archiver works."""

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import SinkLag
from connectors.catalog.opening import catalog_file, open_catalog
from models.errors import PetawatchError
from models.event_time import SECOND_NS, format_iso
from streams.archive.places import archive_folder, archive_missing
from streams.archive.states.following_progress import FOLLOWING, FollowingProgress
from streams.settings import Settings

_LEFT_OUT = 20


def archive_status(state: Path, settings: Settings, now_ns: int) -> dict[str, Any]:
    """What waits by sink, what was counted and left out, a facility's hours, and the cartridges by their state.

    Parameters
    ----------
    now_ns
        By the clock, ns since 1970.

    Raises
    ------
    FatalError
        ``archive_missing`` when nothing was ever archived from there; what the outbox raises.
    """
    folder = archive_folder(settings.archive, state)
    outbox = ArchiveOutbox.open_for_reading(folder)
    if outbox is None:
        raise archive_missing(folder)
    with closing(outbox):
        return {
            "store": settings.archive.store,
            "folder": str(folder),
            "waiting": {sink.value: _lag(lag, now_ns) for sink, lag in outbox.lags().items()},
            "counts": outbox.counts(),
            "left_out": [
                {"path": each.path, "reason": each.reason, "sentence": each.sentence, "at": format_iso(each.at_ns)}
                for each in outbox.left_out(_LEFT_OUT)
            ],
            "states": _states(folder),
            **_cartridges(settings, folder),
        }


def _lag(lag: SinkLag, now_ns: int) -> dict[str, Any]:
    oldest_s = None if lag.oldest_ns is None else max(0, now_ns - lag.oldest_ns) / SECOND_NS
    return {
        "files": lag.files,
        "bytes": lag.size_bytes,
        "oldest_s": oldest_s,
        "reason": lag.reason,
        "error": lag.error,
    }


def _states(folder: Path) -> dict[str, Any]:
    """What was found when a facility's snapshots were gone through once more; nothing where they were not."""
    progress = FollowingProgress.read(folder / FOLLOWING)
    if not progress.identity:
        return {}
    return {
        "until": format_iso(progress.until_ns),
        "same": progress.same,
        "different": progress.different,
        "differing": progress.differing,
    }


def _cartridges(settings: Settings, folder: Path) -> dict[str, Any]:
    """By state, as the catalog has them; what is wrong when it can't be asked."""
    file = catalog_file(settings.catalog, folder)
    if file is not None and not file.is_file():
        return {"cartridges": {}, "catalog_error": ""}
    try:
        with closing(open_catalog(settings.catalog, folder)) as catalog:
            states = Counter(volume.state.value for volume in catalog.volumes())
    except PetawatchError as error:
        return {"cartridges": {}, "catalog_error": str(error)}
    return {"cartridges": dict(sorted(states.items())), "catalog_error": ""}
