"""Waits for the file system of a tape no longer than it makes sense: one that is dead may never answer."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from models.errors import RetryableError

#: Facts of a mounted volume are in the file system's memory; a drive that is just writing may delay them.
PROBE_S = 120.0
#: A drive that winds, cleans its head or writes an index is silent for minutes.
SILENCE_S = 1800.0

_Result = TypeVar("_Result")
#: Told after each step of the work; raises when nobody waits for it any more.
Step = Callable[[], None]


class _Waiting:
    """A work and whether it goes on; shared by its thread and the one that waits."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.steps = 0
        self.given_up = False
        self.failure: BaseException | None = None

    def step(self) -> None:
        if self.given_up:
            raise TimeoutError  # a mount that came to life again must not be written to behind everyone's back
        self.steps += 1


# By place, what was given up last: of the process, as the threads that hang are.
_hanging: dict[Path, _Waiting] = {}


def within(silence_s: float, place: Path, work: Callable[[Step], _Result]) -> _Result:
    """What the work gives, unless it is silent for so long.

    A system call that hangs can't be ended, so its thread is left to itself and ends with the process; should it ever
    come to itself, it goes no further than its next step.

    Parameters
    ----------
    place
        Of the mount, for the sentence.

    Raises
    ------
    RetryableError
        ``tape_silent``.
    """
    hanging = _hanging.get(place)
    if hanging is not None and not hanging.ended.wait(silence_s):
        raise _silent(place, "since it was asked before")  # one thread of a mount is lost to it, not one a round
    waiting = _Waiting()
    results: list[_Result] = []

    def run() -> None:
        try:
            results.append(work(waiting.step))
        except BaseException as error:  # noqa: BLE001 - it is raised where the work is waited for
            waiting.failure = error
        finally:
            waiting.ended.set()

    threading.Thread(target=run, name=f"tape {place}", daemon=True).start()
    seen = -1
    while not waiting.ended.wait(silence_s):
        if waiting.steps == seen:
            waiting.given_up = True
            _hanging[place] = waiting
            raise _silent(place, f"for {silence_s:.0f} s")
        seen = waiting.steps
    if waiting.failure is not None:
        raise waiting.failure
    return results[0]


def _silent(place: Path, how_long: str) -> RetryableError:
    return RetryableError(
        f"{place} does not answer {how_long}; see whether ltfs and the drive live, and end the process of ltfs if they "
        "do not",
        reason="tape_silent",
    )
