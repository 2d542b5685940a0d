"""One watch per state directory."""

from pathlib import Path

from connectors.process_lock import LockHeldError, ProcessLock
from models.errors import FatalError


def lock_state_directory(path: Path) -> ProcessLock:
    """Lock the file of this name in a state directory; it names its holder for the sentence that a second watch gives.

    Raises
    ------
    FatalError
        ``state_in_use`` when another process has it.
    OSError
        It can't be written.
    """
    try:
        return ProcessLock.of_file(path)
    except LockHeldError as error:
        raise FatalError(
            f"the state directory {path.parent} is in use by {error.holder}; stop that watch, or give another --state",
            reason="state_in_use",
        ) from error
