"""A disk with a control room that does not answer, as a mount whose server is gone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.control_room.reader import ControlRoomReader


@contextmanager
def hanging_disk(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """Until the end whoever asks for this state directory waits; gives the threads that do."""
    free, waiting = threading.Event(), list[threading.Thread]()
    ask = ControlRoomReader.is_there

    def hang(room: ControlRoomReader) -> bool:
        if room.state == state:
            waiting.append(threading.current_thread())
            free.wait()
        return ask(room)

    with monkeypatch.context() as patch:
        patch.setattr("connectors.control_room.other_room._ANSWER_S", 0.05)
        patch.setattr(ControlRoomReader, "is_there", hang)
        try:
            yield waiting
        finally:
            free.set()
