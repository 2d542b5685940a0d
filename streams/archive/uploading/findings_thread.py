"""What a watch has found goes into the catalog, on a thread of its own: the first time that takes long."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from connectors.catalog.catalog import Catalog
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from streams.archive.cataloguing.findings_feed import FindingsFeed

_EVERY_S = 60.0
_REST_LOOK_S = 0.1


class FindingsThread:
    """Feeds triplets, episodes and verdicts of a state directory, with a catalog of its own.

    Parameters
    ----------
    open_catalog
        Opens the catalog; called on the thread.
    tell
        Called with a sentence when it can't be done, and when it can be done again.
    """

    def __init__(self, state: Path, open_catalog: Callable[[], Catalog], tell: Callable[[str], None]) -> None:
        self._state = state
        self._open_catalog = open_catalog
        self._tell = tell
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._fed = threading.Event()
        self._told = ""

    def start(self) -> None:
        """Begin; the thread ends with the process."""
        threading.Thread(target=self._run, name="archive findings", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more; what is not fed is found by the next run."""
        self._stop.set()
        self._wake.set()

    def rest(self, go_on: Callable[[], bool]) -> bool:
        """Wait until what there is now is fed; whether it is, or ``go_on`` said no before."""
        # Twice: a step that had begun before may have looked too early.
        for _ in range(2):
            self._fed.clear()
            self._wake.set()
            while not self._fed.wait(_REST_LOOK_S):
                if not go_on():
                    return False
                self._wake.set()
        return True

    def feed_once(self) -> bool:
        """Feed what there is, on the caller's thread; whether it could be done."""
        try:
            with closing(self._open_catalog()) as catalog:
                FindingsFeed(self._state, catalog).feed()
        except (RetryableError, FatalError, RecordError) as error:
            self._failed(error)
            return False
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(self._open_catalog()) as catalog:
                    self._feed_again_and_again(FindingsFeed(self._state, catalog))
            except (RetryableError, FatalError, RecordError) as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - files are archived all the same, and an operator is told
                sentence = f"internal error, please report it: {type(error).__name__}: {error}"
                self._failed(FatalError(sentence, reason="internal"))
            self._pause()

    def _feed_again_and_again(self, feed: FindingsFeed) -> None:
        while not self._stop.is_set():
            feed.feed()
            if self._told:
                self._told = ""
                self._tell("what was found goes into the catalog again")
            self._fed.set()
            self._pause()

    def _pause(self) -> None:
        self._wake.wait(_EVERY_S)
        self._wake.clear()

    def _failed(self, error: PetawatchError) -> None:
        if error.reason != self._told:
            self._told = error.reason
            self._tell(f"{error}; what was found goes into the catalog when it can be used again")
