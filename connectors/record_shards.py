"""Where shards of records are kept: a target behind a small protocol, and a folder as one."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from connectors.durable_files import put_in_place, sync_stream
from models.errors import FatalError, RecordError


class ShardTarget(Protocol):
    """A place for shards: files of which each appears whole or not at all.

    Every method raises ``FatalError`` or, when it may pass, ``RetryableError`` with one sentence when the place can't
    be used; what reads raises ``RecordError`` when the file is missing or damaged.
    """

    @property
    def address(self) -> str:
        """Where it is, for sentences."""
        ...

    def names(self) -> list[str]:
        """Everything that lies there, sorted, also what is no shard."""
        ...

    def create(self, name: str) -> "ShardFile":
        """Begin a new file; it can be seen under its name once it is committed."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; the caller closes it."""
        ...

    def on_disk(self, name: str) -> AbstractContextManager[Path]:
        """A file on this computer's disk with the same content, for readers of paths; while the context lasts."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no failure."""
        ...


class ShardFile(Protocol):
    """A file that is being written."""

    def write(self, data: bytes) -> None:
        """Add to its end."""
        ...

    def commit(self) -> None:
        """All is written: the file appears under its name, and survives a crash."""
        ...

    def abort(self) -> None:
        """Leave nothing behind; does nothing after ``commit``."""
        ...


class ShardFolder:
    """A folder as a target; made with the first file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def address(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def names(self) -> list[str]:
        """The names of all files and folders in it."""
        with _one_sentence(self._folder, "read"):
            try:
                return sorted(entry.name for entry in self._folder.iterdir())
            except FileNotFoundError:
                return []

    def create(self, name: str) -> ShardFile:
        """Begin a file aside."""
        with _one_sentence(self._folder, "written"):
            self._folder.mkdir(parents=True, exist_ok=True)
            return _FolderFile(self._folder / name)

    def open(self, name: str) -> BinaryIO:
        """Open a file of the folder."""
        with _one_sentence(self._folder / name, "read"):
            try:
                return (self._folder / name).open("rb")
            except FileNotFoundError as error:
                raise _missing(self._folder / name) from error

    @contextmanager
    def on_disk(self, name: str) -> Iterator[Path]:
        """The file itself."""
        if not (self._folder / name).exists():
            raise _missing(self._folder / name)
        yield self._folder / name

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no failure."""
        with _one_sentence(self._folder / name, "removed"):
            (self._folder / name).unlink(missing_ok=True)


class _FolderFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(f".{path.name}.part")
        self._stream = self._aside.open("wb")

    def write(self, data: bytes) -> None:
        with _one_sentence(self._path, "written"):
            self._stream.write(data)

    def commit(self) -> None:
        with _one_sentence(self._path, "written"):
            sync_stream(self._stream)
            self._stream.close()
            put_in_place(self._aside, self._path)

    def abort(self) -> None:
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._aside.unlink(missing_ok=True)


def _missing(path: Path) -> RecordError:
    return RecordError(f"{path} is missing; copy or export it again", reason="shard_missing")


@contextmanager
def _one_sentence(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FatalError(
            f"{path} can't be {done} ({error.strerror or error}); check the path, its rights and the space left",
            reason="tfrecord_target",
        ) from error
