"""One promotion or rollback of a model at a time in a state directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.process_lock import LockHeldError, ProcessLock
from models.errors import FatalError

_LOCK_FILE = "promotion.lock"


@contextmanager
def changing_models(state_dir: Path) -> Iterator[None]:
    """Keep others out until all who run there are told: half of them would be told of one model, half of the other.

    Raises
    ------
    FatalError
        ``models_locked`` while another process is at it; if there is no such directory, or it can't be written.
    """
    if not state_dir.is_dir():
        raise FatalError(f"{state_dir} is no state directory; name the one of the watch", reason="state_missing")
    models = state_dir / "models"
    try:
        models.mkdir(exist_ok=True)
        lock = ProcessLock.of_file(models / _LOCK_FILE)
    except LockHeldError as error:
        raise FatalError(
            f"{error.holder} promotes or rolls back a model in {state_dir}; wait for its end, then give this again",
            reason="models_locked",
        ) from error
    except OSError as error:
        raise FatalError(
            f"the models in {models} can't be changed ({error.strerror}); check rights and space", reason="model_write"
        ) from error
    with lock:
        yield
