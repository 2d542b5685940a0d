"""The folder of a training that goes on: what it needs to go on after a kill, and who works there."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Self

from connectors.durable_files import replace_file
from connectors.process_lock import LockHeldError, ProcessLock
from models.errors import FatalError
from models.state import State, decode_state, encode_state

_STATE_FILE, _LOCK_FILE = "epoch.state", "lock"
_HASH_BYTES = 32
# A state is some 10 MB; anything much larger is none of ours.
_MAX_BYTES = 1 << 30


class TrainingFolder:
    """The state of the last epoch, whole or not at all, and a lock against a second training in the same folder.

    Use it as a context; the folder is made when it is entered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: ProcessLock | None = None

    def __enter__(self) -> Self:
        """Take the folder.

        Raises
        ------
        FatalError
            ``training_in_use`` when another training works there, ``training_write`` when it can't be written.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock = ProcessLock.of_file(self._path / _LOCK_FILE)
        except LockHeldError as error:
            raise FatalError(
                f"another training works in {self._path}; wait for its end, or give another --work",
                reason="training_in_use",
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def save(self, digest: str, state: State) -> None:
        """Write the state of an epoch of the training that ``digest`` stands for, in place of the one before.

        Raises
        ------
        FatalError
            ``training_write``
        """
        body = encode_state({"digest": digest, "state": state})
        try:
            replace_file(self._path / _STATE_FILE, hashlib.sha256(body).digest() + body)
        except OSError as error:
            raise self._unwritable(error) from error

    def load(self, digest: str) -> State | None:
        """The state of the last epoch of this very training; None when there is none, or it is damaged."""
        try:
            with (self._path / _STATE_FILE).open("rb") as stream:
                data = stream.read(_MAX_BYTES)
        except OSError:
            return None
        head, body = data[:_HASH_BYTES], data[_HASH_BYTES:]
        if hashlib.sha256(body).digest() != head:
            return None
        try:
            saved = decode_state(body)
        except FatalError:  # of another version of this program
            return None
        return dict(saved["state"]) if saved.get("digest") == digest else None

    def clear(self) -> None:
        """The training is done: remove what it left."""
        with suppress(OSError):
            (self._path / _STATE_FILE).unlink()

    def _unwritable(self, error: OSError) -> FatalError:
        return FatalError(
            f"the training can't be saved in {self._path} ({error.strerror}); check rights and space, or give "
            "another --work",
            reason="training_write",
        )
