"""What a folder of results says of itself: which replay it belongs to, and how far that has come."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from connectors.durable_files import replace_file
from models.errors import FatalError

_NAME = "replay.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayMark:
    """The mark of one replay.

    Attributes
    ----------
    replay
        Its id.
    finished
        Whether the results are complete.
    topics
        The installation on Kafka whose topics are still to be removed; empty where there are none.
    """

    replay: str
    finished: bool = False
    topics: str = ""

    def write(self, directory: Path) -> None:
        """Make it durable."""
        replace_file(directory / _NAME, json.dumps(asdict(self)).encode())


def claim(directory: Path, mark: ReplayMark) -> ReplayMark:
    """Take a directory for one replay and no other; its mark as it stands.

    Raises
    ------
    FatalError
        ``replay_other``.
    """
    try:
        known = ReplayMark(**json.loads((directory / _NAME).read_bytes()))
        if known.replay == mark.replay:
            return _taken_up(directory, known, mark)
    except FileNotFoundError:
        if not directory.exists() or all(path.name.startswith(".") for path in directory.iterdir()):
            directory.mkdir(parents=True, exist_ok=True)
            mark.write(directory)
            return mark
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise FatalError(
        f"{directory} holds something else than this replay; remove it, or name another folder with --into",
        reason="replay_other",
    )


def _taken_up(directory: Path, known: ReplayMark, mark: ReplayMark) -> ReplayMark:
    if not known.finished and bool(known.topics) != bool(mark.topics):
        how = "with --workers" if known.topics else "without --workers"
        raise FatalError(
            f"this replay was begun {how}, and goes on only so; do that, or remove {directory}", reason="replay_other"
        )
    return known
