"""How far a replay has come, told as it goes on, and left in a file for whoever started it."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from connectors.clock import Clock
from models.replay_progress import ReplayProgress
from streams.replay.plan import ReplayPlan

#: Gets how far a replay has come, now and then.
Follow = Callable[[ReplayProgress], None]


class ModelProgress:
    """Makes of counts of files how far the replay of one model has come; called from one thread.

    Parameters
    ----------
    model, number, models
        As ``ReplayProgress``.
    follow
        Gets it.
    """

    def __init__(self, plan: ReplayPlan, model: str, *, number: int, models: int, clock: Clock, follow: Follow) -> None:
        self._plan = plan
        self._model = model
        self._number, self._models = number, models
        self._clock = clock
        self._follow = follow
        self._began: tuple[float, int] | None = None

    def __call__(self, done: int, of: int) -> None:
        """So many of the files that had to be done are done; those of the plan that are not among them were before."""
        files, now_s = self._plan.files, self._clock.monotonic_s()
        finished = min(len(files) - of + done, len(files))
        if self._began is None:
            self._began = now_s, finished
        began_s, before = self._began
        ends_ns = [file.last_ns for file in files[:finished] if file.last_ns is not None]
        starts_ns = [file.first_ns for file in files[before:] if file.first_ns is not None]
        began_ns = min(starts_ns, default=self._plan.from_ns)
        self._follow(
            ReplayProgress(
                model=self._model,
                number=self._number,
                models=self._models,
                files_done=finished,
                files=len(files),
                files_before=before,
                records_done=sum(file.records for file in files[:finished]),
                records=sum(file.records for file in files),
                began_ns=began_ns,
                reached_ns=max(began_ns, max(ends_ns, default=began_ns)),
                elapsed_s=now_s - began_s,
            )
        )


def write_progress(file: Path, progress: ReplayProgress) -> None:
    """Replace the file; a disk that takes nothing does not end the replay, whose results it would not take either."""
    aside = file.with_name(f".{file.name}.part")
    with suppress(OSError):
        aside.write_text(json.dumps(progress.document()), encoding="utf-8")
        aside.replace(file)


def read_progress(file: Path) -> ReplayProgress | None:
    """What was written last; None when nothing was, or by another version of the program."""
    try:
        return ReplayProgress(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
