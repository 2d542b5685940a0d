"""What the wall shows of a camera, beside what the snapshots hold."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.snapshots.reader import open_snapshot
from models.images.thumbnail import thumbnail
from models.live_reading import LiveReading


def assert_shows_its_frame(reading: LiveReading, root: Path, snapshots: Iterable[Path]) -> None:
    """The picture of a camera is that of the very frame whose time stands beside it."""
    assert reading.thumbnail is not None
    np.testing.assert_array_equal(reading.thumbnail, thumbnail(_frame(reading, root, snapshots)))


def _frame(reading: LiveReading, root: Path, snapshots: Iterable[Path]) -> NDArray[Any]:
    for path in snapshots:
        with open_snapshot(path, root=root) as snapshot:
            for block in snapshot.blocks(600):
                if block.device == reading.device and reading.event_time_ns in block.event_time_ns:
                    row = int(np.searchsorted(block.event_time_ns, reading.event_time_ns))
                    frame: NDArray[Any] = block.payload[row]
                    return frame
    raise AssertionError(f"no frame of {reading.device} at {reading.event_time_ns}")
