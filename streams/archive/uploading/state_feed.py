"""Archived states of the stages, and the models that they need, go the way of all files."""

from pathlib import Path

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import Sink, Step
from connectors.clock import Clock
from streams.archive.states.stage_states import MODEL_ENDING, MODELS, STATE_ENDING, STATES
from streams.archive.uploading.waiting_file import WaitingFile

_LOOK_EVERY_S = 30.0


class StateFeed:
    """Looks for new ones in the archive's folder now and then; their content never changes.

    Parameters
    ----------
    target
        As of ``OutboxFeed``.
    """

    def __init__(self, folder: Path, outbox: ArchiveOutbox, clock: Clock, *, target: str) -> None:
        self._folder = folder
        self._outbox = outbox
        self._clock = clock
        self._target = target
        self._looked_s: float | None = None
        self._fed: set[str] = set()

    def feed(self) -> bool:
        """Put new ones into the outbox, if it is time to look; whether there were any."""
        now_s = self._clock.monotonic_s()
        if self._looked_s is not None and now_s - self._looked_s < _LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        found = [path for path in self._files() if path not in self._fed]
        new = [path for path in found if not self._outbox.note(self._note(path))]
        lines = [line for path in new if (line := self._line(path)) is not None]
        if lines:
            now_ns = self._clock.now_ns()
            added = [(Sink.STORE, line.line(), now_ns) for line in lines]
            self._outbox.take(Step(added=added, notes={self._note(line.path): "yes" for line in lines}))
        self._fed.update(set(found) - set(new) | {line.path for line in lines})
        return bool(lines)

    def feed_anew(self) -> None:
        """Put all of them into the outbox once more; what the store has is found there."""
        self._outbox.take(Step(notes={self._note(path): "" for path in self._files()}))
        self._fed.clear()
        self._looked_s = None

    def look_again(self) -> None:
        """Let the next ``feed`` look, whenever the last one was."""
        self._looked_s = None

    def _files(self) -> list[str]:
        """Their paths below the folder; hidden ones are not finished."""
        found = [
            *self._folder.glob(f"{STATES}/*/[!.]*{STATE_ENDING}"),
            *self._folder.glob(f"{MODELS}/[!.]*{MODEL_ENDING}"),
        ]
        return sorted(path.relative_to(self._folder).as_posix() for path in found)

    def _note(self, path: str) -> str:
        return f"fed {path} {self._target}"

    def _line(self, path: str) -> WaitingFile | None:
        try:
            status = (self._folder / path).stat()
        except OSError:
            return None
        return WaitingFile(
            path=path,
            root=str(self._folder),
            sha256="",
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )
