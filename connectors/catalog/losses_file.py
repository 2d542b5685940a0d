"""What has lost its trust, remembered beside the catalog: in a file that is only appended to."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from connectors.disk_failures import disk_failures
from connectors.durable_files import sync_folder, sync_stream
from models.archive.lost_trust import LostTrust

#: In the archive's folder.
LOSSES_NAME = "losses.known"


class LossesFile:
    """Losses of trust in a file of the archive's folder, a JSON object each line; for one thread of several processes.

    Nothing is ever taken out of it: what is read back whole later counts by its later proof. Few things lose their
    trust, and each has a new line only when it was proven in between.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / LOSSES_NAME
        self._read_to = 0
        self._losses: dict[str, LostTrust] = {}

    def known(self) -> Mapping[str, LostTrust]:
        """By subject, also what another process has just noted.

        Raises
        ------
        RetryableError
            ``disk_failed``: then nothing is known, and nothing may be judged.
        """
        with disk_failures(self._file.parent):
            self._read_on()
        return self._losses

    def note(self, losses: Iterable[LostTrust | None]) -> None:
        """Remember losses; they are durable on return.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``.
        """
        known = self.known()
        found = [loss.after(known.get(loss.subject)) for loss in losses if loss is not None]
        new = [json.dumps(asdict(loss)) for loss in found if loss != known.get(loss.subject)]
        if not new:
            return
        with disk_failures(self._file.parent):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self._file.exists()
            with self._file.open("ab") as stream:
                # On lines of their own: before them there may be half of one, of a process that was killed.
                stream.write("".join(f"\n{line}\n" for line in new).encode())
                sync_stream(stream)
            if is_new:
                sync_folder(self._file.parent)

    def _read_on(self) -> None:
        try:
            with self._file.open("rb") as stream:
                end = stream.seek(0, os.SEEK_END)
                begin = stream.seek(self._read_to if end >= self._read_to else 0)
                data = stream.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read_to = begin + len(whole)
        for line in whole.splitlines():
            loss = _loss(line)
            if loss is not None:
                self._losses[loss.subject] = loss.after(self._losses.get(loss.subject))


def _loss(line: bytes) -> LostTrust | None:
    """None of an empty line, and of one that was never finished: nobody relies on that."""
    try:
        return LostTrust(**json.loads(line))
    except (ValueError, TypeError):
        return None
