"""Checkpoints in a folder that all workers of the installation share.

What it asks of the file system: a name made exclusively is made once, a rename replaces in one step, and what one
computer has written is seen by the next that opens it (close-to-open, as NFS gives it). Locks are not needed.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from connectors.checkpoints.document import Generations, Writing
from connectors.checkpoints.epoch_folders import content_names, is_superseded, latest_complete, take_over
from connectors.checkpoints.loading import Loaded, load
from connectors.checkpoints.store import Checkpoint, FencedError
from connectors.durable_files import replace_file, sync_folder
from models.errors import FatalError, RetryableError

_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)

# The owner writes, and a new one takes over, while somebody else reads.
_READ_TRIES = 5

_Result = TypeVar("_Result")


class DirectoryCheckpointStore:
    """The store in a folder.

    Parameters
    ----------
    root
        The folder; it must exist, so that a share that is not mounted is not taken for an empty one.
    installation
        Name of the folder in it: several installations share a root.
    """

    def __init__(self, root: Path, installation: str) -> None:
        self._root = root
        self._installation = installation

    async def open(self, agent: str, partition: int) -> tuple["DirectoryCheckpoints", Checkpoint]:
        """Take a partition over and load its checkpoint, see `CheckpointStore`."""
        return await asyncio.to_thread(self._open, agent, partition)

    async def read(self, agent: str, partition: int) -> Checkpoint:
        """What is committed of a partition now, see `CheckpointStore`."""
        return await asyncio.to_thread(self._read, agent, partition)

    async def close(self) -> None:
        """Nothing is held."""

    def _open(self, agent: str, partition: int) -> tuple["DirectoryCheckpoints", Checkpoint]:
        where, folder = self._place(agent, partition)
        with _clear_failures(self._root):
            own = take_over(folder)
            loaded = load(where, f"the folder {folder}", content_names(own), lambda name: _read(own / name))
        if loaded is not None:
            return DirectoryCheckpoints(where, own, loaded.generations), loaded.checkpoint
        checkpoints = DirectoryCheckpoints(where, own, Generations(where))
        # So that the first checkpoint, too, has one before it: the empty one.
        checkpoints.write_now({}, {})
        return checkpoints, Checkpoint()

    def _read(self, agent: str, partition: int) -> Checkpoint:
        where, folder = self._place(agent, partition)
        if not folder.is_dir():
            return Checkpoint()
        with _clear_failures(self._root):
            for _ in range(_READ_TRIES - 1):
                # What was whole a moment ago may be replaced or removed by now.
                with contextlib.suppress(FileNotFoundError, FatalError):
                    return _checkpoint_of(_load_latest(where, folder))
            return _checkpoint_of(_load_latest(where, folder))

    def _place(self, agent: str, partition: int) -> tuple[str, Path]:
        """Agent and partition in words, and their folder."""
        if not self._root.is_dir():
            raise FatalError(
                f"checkpoints.directory: there is no folder {self._root}; make it, or mount the share that it is on",
                reason="checkpoint_directory",
            )
        return f"agent {agent}, partition {partition}", self._root / self._installation / agent / str(partition)


class DirectoryCheckpoints:
    """The checkpoints of one partition, in the folder of its present owner."""

    def __init__(self, where: str, own: Path, generations: Generations) -> None:
        self._where = where
        self._own = own
        self._generations = generations
        self._fenced = False

    async def write(self, next_offsets: Mapping[str, int], changed: Mapping[str, bytes]) -> int:
        """Make states and offsets durable, see `PartitionCheckpoints`."""
        return await _to_its_end(lambda: self.write_now(next_offsets, changed))

    async def close(self) -> None:
        """Nothing is held."""

    def write_now(self, next_offsets: Mapping[str, int], changed: Mapping[str, bytes]) -> int:
        """The same in this thread."""
        self._require_ownership()
        writing = self._generations.next_writing(next_offsets, changed)
        try:
            self._write(writing)
        except FileNotFoundError as error:
            self._require_ownership()
            raise _away(self._own, error) from error
        except OSError as error:
            raise _failure(self._own, error) from error
        # Only now it counts: a new owner that came before this has not seen it, one that comes later will.
        self._require_ownership()
        self._generations.written(writing)
        with _clear_failures(self._own):
            for name in writing.needless:
                (self._own / name).unlink(missing_ok=True)
        return writing.size_bytes

    def _write(self, writing: Writing) -> None:
        for name, state in writing.slots.items():
            replace_file(self._own / name, state)
        sync_folder(self._own)  # the document must not outlive the states that it names
        replace_file(self._own / writing.position.name, writing.document)
        sync_folder(self._own)

    def _require_ownership(self) -> None:
        if not self._fenced:
            with _clear_failures(self._own):
                self._fenced = is_superseded(self._own)
        if self._fenced:
            raise FencedError(f"another worker has taken over the checkpoints of {self._where}; this one ends")


def _load_latest(where: str, folder: Path) -> Loaded | None:
    own = latest_complete(folder)
    if own is None:
        return None
    return load(where, f"the folder {folder}", content_names(own), lambda name: _read(own / name))


def _checkpoint_of(loaded: Loaded | None) -> Checkpoint:
    return Checkpoint() if loaded is None else loaded.checkpoint


async def _to_its_end(work: Callable[[], _Result]) -> _Result:
    """Work in a thread that is not left alone when the caller is cancelled: the next write would get in its way."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EIO:
            return b""  # a bad sector: damage, which waiting does not mend
        raise


@contextmanager
def _clear_failures(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failure(place, error) from error


def _failure(place: Path, error: OSError) -> FatalError | RetryableError:
    if error.errno in _REFUSALS:
        return FatalError(
            f"checkpoints can't be kept in {place} ({os.strerror(error.errno or 0)}); let this user write there",
            reason="checkpoint_directory",
        )
    return _away(place, error)


def _away(place: Path, error: OSError) -> RetryableError:
    return RetryableError(
        f"checkpoints can't be kept in {place} for now ({error.strerror or error}); see to its disk or its share",
        reason="checkpoint_store_away",
    )
