"""SHA-256 on a thread of its own, beside the reading and writing that it would hold up."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

#: What is read, written and hashed at once: the size that cartridges are written fastest with.
BLOCK_BYTES = 4 << 20


class SideHash:
    """The SHA-256 of the blocks that it is given; at most one of them is being hashed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._last: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def update(self, block: bytes | memoryview) -> None:
        """Hash a block, which must stay as it is until the next one is given, or the sum is asked for."""
        if self._last is not None:
            self._last.result()
        self._last = self._thread.submit(self._hash.update, block)

    def hexdigest(self) -> str:
        """Of all blocks so far."""
        if self._last is not None:
            self._last.result()
        return self._hash.hexdigest()
