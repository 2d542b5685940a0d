"""Looks now and then whether another model lies in a state directory, and loads it beside the work."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from connectors.clock import Clock

_LOOK_EVERY_S = 1.0

Loaded = TypeVar("Loaded")


class ModelLookout(Generic[Loaded]):
    """Loads what has changed since the lookout was made.

    Parameters
    ----------
    mark
        Something that changes whenever there is another model; quick.
    load
        Loads and tests it, on a thread of its own.
    """

    def __init__(self, clock: Clock, *, mark: Callable[[], Hashable], load: Callable[[], Loaded]) -> None:
        self._clock = clock
        self._mark = mark
        self._load = load
        self._seen = mark()
        self._look_s = clock.monotonic_s()
        self._loading: Future[Loaded] | None = None
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="model")

    @property
    def loading(self) -> bool:
        """Whether something is being loaded."""
        return self._loading is not None

    def take_new(self) -> "Future[Loaded] | None":
        """What has been loaded since the last call, once it is done: its result, or why there is none."""
        if self._loading is not None:
            done = self._loading if self._loading.done() else None
            self._loading = None if done else self._loading
            return done
        if self._clock.monotonic_s() >= self._look_s:
            self._look_s = self._clock.monotonic_s() + _LOOK_EVERY_S
            mark = self._mark()
            if mark != self._seen:
                self._seen = mark
                self._loading = self._loader.submit(self._load)
        return None

    def close(self) -> None:
        """End the thread."""
        self._loader.shutdown(wait=True)
