"""Payloads that wait: the same bytes come back from memory and from the disk, and room that is free is used again."""

from pathlib import Path

import numpy as np
import pytest

from connectors.waiting_payloads import WaitingPayloads
from models.errors import FatalError
from tests.support.beam_camera import beam_frames, camera_block

FILE = "day/10Hz/a.h5"
FRAME_BYTES = 102 * 128 * 2


def test_what_does_not_fit_lies_on_the_disk(tmp_path: Path) -> None:
    frames = beam_frames(10)
    with WaitingPayloads(tmp_path, memory_bytes=4 * FRAME_BYTES) as waiting:
        waiting.add(camera_block(frames, 0), range(10))
        assert (len(waiting), waiting.on_disk) == (10, 6)
        assert list(tmp_path.iterdir()) == []  # the file has no name
        for shot in (9, 0, 5, 1):
            np.testing.assert_array_equal(waiting.take(FILE, f"/shot-{shot}"), frames[shot])
        waiting.drop(FILE, "/shot-7")
        waiting.drop(FILE, "/shot-7")
        assert (len(waiting), waiting.on_disk) == (5, 3)
        waiting.add(camera_block(frames, 10), [3, 4, 5])
        assert waiting.on_disk == 4
        np.testing.assert_array_equal(waiting.take(FILE, "/shot-15"), frames[5])
        np.testing.assert_array_equal(waiting.take(FILE, "/shot-8"), frames[8])
        for shot in (2, 3, 4, 6, 13, 14):
            np.testing.assert_array_equal(waiting.take(FILE, f"/shot-{shot}"), frames[shot % 10])
        assert (len(waiting), waiting.on_disk) == (0, 0)


def test_a_payload_is_taken_once(tmp_path: Path) -> None:
    with WaitingPayloads(tmp_path) as waiting:
        waiting.add(camera_block(beam_frames(1), 0), [0])
        waiting.take(FILE, "/shot-0")
        with pytest.raises(KeyError):
            waiting.take(FILE, "/shot-0")


def test_no_room_on_the_disk(tmp_path: Path) -> None:
    waiting = WaitingPayloads(tmp_path / "gone", memory_bytes=0)
    with pytest.raises(FatalError, match="has no room for images that wait") as error:
        waiting.add(camera_block(beam_frames(1), 0), [0])
    assert error.value.reason == "disk"
