"""A few threads that copy files into the store; what came of it is taken by whoever gave them the work."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from connectors.archive.outbox_lines import Line
from streams.archive.uploading.uploader import Uploaded

#: What became of a line: the copy, or what went wrong.
Outcome = tuple[Line, Uploaded | Exception]


class UploadThreads:
    """Threads that end with the process: a copy that is broken off is no copy, and its line waits on.

    Parameters
    ----------
    work
        Called with each line, on one of the threads.
    wake
        Set when a line is finished.
    """

    def __init__(self, count: int, work: Callable[[Line], Uploaded], wake: threading.Event) -> None:
        self._count = count
        self._work = work
        self._wake = wake
        self._given: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._under_way: set[int] = set()
        self._threads = 0

    @property
    def under_way(self) -> frozenset[int]:
        """The ids of the lines that were given and not taken back."""
        return frozenset(self._under_way)

    @property
    def free(self) -> int:
        """How many more lines they take."""
        return self._count - len(self._under_way)

    def start(self, line: Line) -> None:
        """Work on a line."""
        self._under_way.add(line.id)
        if self._threads < len(self._under_way):
            threading.Thread(target=self._run, name=f"archive upload {self._threads}", daemon=True).start()
            self._threads += 1
        self._given.put(line)

    def take_finished(self) -> list[Outcome]:
        """What has become of lines since the last call."""
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._finished.get_nowait())
        self._under_way.difference_update(line.id for line, _ in found)
        return found

    def stop(self) -> None:
        """Let the threads end after what they are doing; nobody waits for it."""
        for _ in range(self._threads):
            self._given.put(None)

    def _run(self) -> None:
        while (line := self._given.get()) is not None:
            try:
                outcome: Uploaded | Exception = self._work(line)
            except Exception as error:  # noqa: BLE001 - told by whoever gave the line
                outcome = error
            self._finished.put((line, outcome))
            self._wake.set()
