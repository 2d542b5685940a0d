"""The replays that are remembered: each in a folder below the state directory, where they outlive the console."""

import json
import re
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from connectors.durable_files import replace_file
from streams.console.replays.question import ReplayQuestion
from streams.console.replays.run import ReplayRun, ReplayStatus

#: Replays that are remembered with their results; the oldest ones go.
MOST_KEPT = 50

_RUN = "run.json"
_LOG, _PAGE, _RESULT, _PROGRESS = "replay.log", "page.html", "result.json", "progress.json"
_ID = re.compile(r"[0-9a-f]{16}")


class KeptRuns:
    """The folder of the replays of a state directory; not for several threads at once.

    Parameters
    ----------
    folder
        Of all of them; made with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # How replays ended that could not be written down, on a full disk.
        self._unwritten: dict[str, ReplayRun] = {}

    def log(self, id_: str) -> Path:
        """What its process says."""
        return self._folder / id_ / _LOG

    def page(self, id_: str) -> Path:
        """Its results as a page."""
        return self._folder / id_ / _PAGE

    def result(self, id_: str) -> Path:
        """Its results as JSON."""
        return self._folder / id_ / _RESULT

    def progress(self, id_: str) -> Path:
        """How far its process has come, as JSON."""
        return self._folder / id_ / _PROGRESS

    def begin(self, run: ReplayRun) -> None:
        """Remember a replay that is to run, without what an earlier run of it has left; OSError when that fails."""
        self._folder.joinpath(run.id).mkdir(parents=True, exist_ok=True)
        for file in (self.log(run.id), self.page(run.id), self.result(run.id), self.progress(run.id)):
            file.unlink(missing_ok=True)
        self.write(run)
        self._unwritten.pop(run.id, None)

    def end(self, ended: ReplayRun) -> None:
        """Remember how it ended, in this process alone where the disk takes nothing."""
        self.progress(ended.id).unlink(missing_ok=True)
        try:
            self.write(ended)
        except OSError:
            self._unwritten[ended.id] = ended

    def write(self, run: ReplayRun) -> None:
        """Into its folder; OSError when that fails."""
        document = asdict(run)
        del document["progress"]
        replace_file(self._folder / run.id / _RUN, json.dumps(document).encode())

    def ids(self) -> list[str]:
        """Of all that may be remembered, in no order; none without the folder, or when it can't be listed."""
        try:
            return [path.name for path in self._folder.iterdir() if _ID.fullmatch(path.name)]
        except OSError:
            return []

    def mark(self) -> object:
        """Another one when something was written about any of them; for any thread."""
        found = list[tuple[str, int]]()
        for id_ in self.ids():
            for file in (self._folder / id_ / _RUN, self.log(id_), self.progress(id_)):
                with suppress(OSError):
                    found.append((str(file), file.stat().st_mtime_ns))
        return sorted(found)

    def read(self, id_: str) -> ReplayRun | None:
        """One as it was written down; None when it is not known."""
        if not _ID.fullmatch(id_):
            return None
        if id_ in self._unwritten:
            return self._unwritten[id_]
        try:
            known = json.loads((self._folder / id_ / _RUN).read_bytes())
            question = ReplayQuestion(**known.pop("question"))
            return ReplayRun(**{**known, "question": question, "status": ReplayStatus(known["status"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None  # removed, or from another program: it is started anew

    def remove_old(self, latest_first: Collection[ReplayRun]) -> None:
        """Make room for one more."""
        for run in list(latest_first)[MOST_KEPT - 1 :]:
            if run.status.ended:
                shutil.rmtree(self._folder / run.id, ignore_errors=True)
