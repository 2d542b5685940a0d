"""Threads for the device stages: one device's blocks in order, different devices side by side."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

from models.devices import Device

Result = TypeVar("Result")


class DeviceStrands:
    """A thread pool that keeps the order of each device's work.

    The kernels and the network run without the GIL, so that threads share the machine's cores. A device never
    occupies a thread to wait for its own earlier work.

    Parameters
    ----------
    threads
        How many devices are worked on at once.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="device")
        self._lock = Lock()
        self._waiting: dict[Device, deque[Callable[[], None]]] = {}

    def submit(self, device: Device, work: Callable[[], Result]) -> "Future[Result]":
        """Run ``work`` after everything submitted for this device before."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised again where the result is read
                future.set_exception(error)

        with self._lock:
            if device in self._waiting:
                self._waiting[device].append(run)
                return future
            self._waiting[device] = deque([run])
        self._pool.submit(self._drain, device)
        return future

    def close(self) -> None:
        """Wait for what was submitted and end the threads."""
        self._pool.shutdown(wait=True)

    def _drain(self, device: Device) -> None:
        self._waiting[device][0]()
        with self._lock:
            queue = self._waiting[device]
            queue.popleft()
            if not queue:
                del self._waiting[device]
                return
        # Back to the end of the pool's queue: a device with much to do does not starve the others.
        self._pool.submit(self._drain, device)
