"""The process that makes pages of alerts: begun when it is wanted, and kept for a while."""

import sys
from collections.abc import Sequence

from connectors.clock import Clock
from models.errors import RetryableError
from streams.alert_pages.asked_process import AskedProcess, EndedError, TooLongError, UnexpectedError
from streams.alert_pages.protocol import beginning

#: What makes pages; nothing is imported from the present directory.
COMMAND: Sequence[str] = (sys.executable, "-P", "-m", "streams.alert_pages.process")

# A process without a question ends after so long; where people look at incidents it stays for a shift.
_IDLE_S, _IDLE_WHERE_PEOPLE_LOOK_S = 900.0, 8 * 3600.0
_MOST_HANGING = 3


class KeptProcess:
    """One process at a time, which answers questions until it ends; then the next question begins another one.

    ``begin``, ``ask`` and ``let_go`` are for one thread, which stays: a process ends with the thread that began it.

    Parameters
    ----------
    command
        As ``COMMAND``.
    settings
        As ``settings_text`` writes them.
    limit_s
        An answer that takes longer is given up, and its process ended.

    Attributes
    ----------
    stays_warm
        Whether people look at incidents: then the processes that are begun wait for their questions for long.
    closed
        Whether no other is begun.
    """

    def __init__(self, command: Sequence[str], settings: str, limit_s: float, clock: Clock) -> None:
        self._command, self._settings, self._limit_s, self._clock = command, settings, limit_s, clock
        self._process: AskedProcess | None = None
        self._hanging: list[AskedProcess] = []
        self.stays_warm = False
        self.closed = False

    @property
    def running(self) -> bool:
        """Whether there is a process that has not ended; for any thread."""
        process = self._process
        return process is not None and process.running

    def begin(self) -> tuple[AskedProcess, bool]:
        """The process, and whether it was there before.

        Raises
        ------
        RetryableError
            ``shot_away``: it is closed, or too many wait for a disk that hangs.
        OSError
            No process can be started.
        """
        if self._process is not None and self._process.running:
            return self._process, True
        self.let_go()
        if self.closed:
            raise away("the program ends")
        self._hanging = [process for process in self._hanging if process.running]
        if len(self._hanging) >= _MOST_HANGING:
            raise away("the processes that make pages wait for a disk that hangs; look after it")
        idle_s = _IDLE_WHERE_PEOPLE_LOOK_S if self.stays_warm else _IDLE_S
        self._process = AskedProcess(self._command, beginning(self._settings, idle_s), self._clock)
        if self.closed:  # meanwhile
            self._process.kill()
        return self._process, False

    def ask(self, question: bytes) -> tuple[bytes, bool]:
        """The answer, and whether it lasts; a process that had ended since its last answer is begun anew.

        Raises
        ------
        RetryableError
            ``shot_away``: there is no answer now.
        OSError
            No process can be started.
        """
        process, kept = self.begin()
        try:
            try:
                head, page = process.ask(question, self._limit_s)
            except EndedError:
                if not kept or self.closed:
                    raise
                self.let_go()
                process, _ = self.begin()
                head, page = process.ask(question, self._limit_s)
        except TooLongError:
            self.let_go()
            raise away(f"it takes longer than {self._limit_s:g} s: the disk with the snapshots is slow") from None
        except EndedError as error:
            self.let_go()
            raise away(str(error)) from error
        except UnexpectedError as error:
            self.let_go()
            raise away("its process has not answered what it was asked; try again") from error
        except BaseException:  # its answer could be taken for that of the next question
            self.let_go()
            raise
        if head.last:
            self.let_go()
        if head.failure:
            raise away(head.failure)
        return page, head.lasting

    def close(self) -> None:
        """From any thread: it is killed, and no other is begun; ``let_go`` is still to be called."""
        self.closed = True
        process = self._process
        if process is not None:
            process.kill()

    def let_go(self) -> None:
        """The process has ended, or is remembered as one that ends when its disk answers."""
        process, self._process = self._process, None
        if process is not None and not process.end():
            self._hanging.append(process)


def away(why: str) -> RetryableError:
    """What is shown of an alert can't be had now."""
    return RetryableError(why, reason="shot_away")
