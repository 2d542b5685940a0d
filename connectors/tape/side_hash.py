"""SHA-256 on a thread of its own, beside the reading and writing that it would hold up."""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

#: What is read, written and hashed at once: the size that cartridges are written fastest with.
BLOCK_BYTES = 4 << 20
# So many blocks may wait. More of them leave the cache before they are hashed, and cost more than they spare.
_WAITING = 2


class SideHash:
    """The SHA-256 of the blocks that it is given."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def update(self, block: bytes | memoryview) -> None:
        """Hash a block, which must stay as it is until ``len(new_blocks())`` more were given."""
        if len(self._waiting) == _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._hash.update, block))

    def hexdigest(self) -> str:
        """Of all blocks so far."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._hash.hexdigest()


def new_blocks() -> deque[memoryview]:
    """Room for the blocks of a file, used in turns: when one is its turn again it has been hashed."""
    return deque(memoryview(bytearray(BLOCK_BYTES)) for _ in range(_WAITING + 1))
