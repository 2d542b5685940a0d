"""Brings the files of a replay to this computer: those that lie here are read in place."""

from collections.abc import Sequence
from pathlib import Path

from connectors.stored_zip import file_sha256
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from streams.archive.stage_states import is_state_key


def local_places(files: Sequence[ArchivedFile]) -> dict[str, Path]:
    """Where files lie, by their ids; without those that are gone or changed since.

    A snapshot whose size is that of the archived one is taken for it: its content is compared when it has been read.
    """
    found = {}
    for file in files:
        place = Path(file.root, file.path)
        if _is_it(place, file):
            found[file.id] = place
    return found


def missing_sentence(missing: Sequence[ArchivedFile]) -> FatalError:
    """Files that lie neither here nor where they could be restored from."""
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return FatalError(
        f"{missing[0].path}{others} can't be had for the replay; restore them with petawatch archive restore, and name "
        "their folder with --from-folder",
        reason="replay_missing",
    )


def _is_it(place: Path, file: ArchivedFile) -> bool:
    try:
        if not place.is_file() or place.stat().st_size != file.size_bytes:
            return False
        return not is_state_key(file.key) or file_sha256(place) == file.sha256
    except OSError:
        return False
