"""Processor time by kind of thread: how much a step costs, whatever else runs on the machine."""

import re
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

_SAMPLE_S = 0.05


class CpuSeconds:
    """Adds up the processor time of this process and of its threads while it is entered.

    Threads are looked at from time to time, so that of one that ends up to the last 50 ms are missing.

    Attributes
    ----------
    total
        Seconds of all threads, user and system.
    by_thread
        Seconds by the beginning of the threads' names.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.by_thread: defaultdict[str, float] = defaultdict(float)
        self._first: dict[threading.Thread, float] = {}
        self._seen: dict[threading.Thread, float] = {}
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample_on, name="sampler")

    def __enter__(self) -> Self:
        self._first = {thread: _thread_seconds(thread) for thread in threading.enumerate()}
        self._began = time.process_time()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.total = time.process_time() - self._began
        self._stop.set()
        self._sampler.join()
        self._sample()
        for thread, seconds in self._seen.items():
            self.by_thread[re.split(r"[_\d-]", thread.name)[0]] += seconds - self._first.get(thread, 0.0)

    def _sample_on(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        for thread in threading.enumerate():
            if thread is not self._sampler:
                self._seen[thread] = max(_thread_seconds(thread), self._seen.get(thread, 0.0))


def _thread_seconds(thread: threading.Thread) -> float:
    """Processor time of a running thread by Linux's account; 0 for one that has just ended, or elsewhere."""
    try:
        return int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except OSError:
        return 0.0
