"""What follows a topic beside the work: a thread that reads, tries again, and keeps what has ended it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from connectors.wire.codec import decode
from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from models.errors import FatalError, RecordError, RetryableError

_RETRY_S = 2.0


class ClosableReader(Protocol):
    """A connection that is let go."""

    def close(self) -> None:
        """Let the connection go."""
        ...


Reader = TypeVar("Reader", bound=ClosableReader)


class ProgressThread(ABC, Generic[Reader]):
    """Looks again and again with a reader of its own; a new one after Kafka was away.

    Parameters
    ----------
    open_reader
        Makes a reader; called again when Kafka was away.
    name
        Of the thread.
    following
        What it follows, for the sentence of a failure that nobody foresaw.
    ending
        Who ends with such a failure.
    pause_s
        Between two looks; none where a look itself waits.
    """

    def __init__(
        self, open_reader: Callable[[], Reader], *, name: str, following: str, ending: str, pause_s: float = 0.0
    ) -> None:
        self._open_reader = open_reader
        self._following = following
        self._ending = ending
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._failure: FatalError | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    @abstractmethod
    def begin(self, reader: Reader) -> None:
        """Make a new reader ready for ``look``."""

    @abstractmethod
    def look(self, reader: Reader) -> None:
        """Look once."""

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _end(self, within_s: float) -> bool:
        """End; a thread that waits for Kafka is left to the end of the process. Whether it has ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                reader = self._open_reader()
                try:
                    self.begin(reader)
                    while not self._stop.is_set():
                        self.look(reader)
                        self._stop.wait(self._pause_s)
                finally:
                    reader.close()
            except RetryableError:  # told of by whoever works beside it and needs Kafka, too
                self._stop.wait(_RETRY_S)
            except FatalError as error:
                self._failure = error
                return
            except Exception as error:  # noqa: BLE001 - kept: an end that nobody sees would leave old news standing
                self._failure = FatalError(
                    f"following {self._following} failed: {type(error).__name__}: {error}; the {self._ending} ends to "
                    "be started again",
                    reason="internal",
                )
                self._failure.__cause__ = error
                return


def progress_of(message: Incoming) -> Progress | None:
    """What a message of the progress topic says; None when it takes a word back, or is of another version."""
    if message.value is None:
        return None
    try:
        content = decode(message)
    except RecordError:
        return None
    return content if isinstance(content, Progress) else None
