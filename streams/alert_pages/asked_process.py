"""One process that makes pages of alerts, as who asks it sees it: asked, waited for no longer than a limit, ended."""

import json
import os
import selectors
import subprocess
import tempfile
from collections.abc import Sequence

from connectors.clock import Clock
from streams.alert_pages.protocol import AnswerHead

_MOST_AT_ONCE = 1 << 18
# Of an answer's first line; it has the paths of its question.
_LONGEST_HEAD = 1 << 16
# A process that is killed ends at once, unless it waits for a disk that hangs: then with that.
_ENDING_S = 5.0
# Of what it said at last.
_TAIL_BYTES = 4_096


class EndedError(Exception):
    """It has ended without an answer; the words are its last ones."""


class TooLongError(Exception):
    """It has not answered within the limit."""


class UnexpectedError(Exception):
    """It has written something that is no answer to the question: nothing that comes after it can be trusted."""


class AskedProcess:
    """A process that answers questions one after the other; it is killed when the thread ends that has made it.

    Parameters
    ----------
    command
        As ``streams.alert_pages.process``.
    beginning
        The first line that it gets.

    Raises
    ------
    OSError
        No process can be started.
    """

    def __init__(self, command: Sequence[str], beginning: bytes, clock: Clock) -> None:
        self._clock = clock
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``end``
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._said)  # noqa: S603 - this program
        except OSError:
            self._said.close()
            raise
        self._write(beginning)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def ask(self, question: bytes, limit_s: float) -> tuple[AnswerHead, bytes]:
        """The answer to a question of ``streams.alert_pages.process``, and its content.

        Raises
        ------
        EndedError, TooLongError, UnexpectedError
            There is none.
        """
        until_s = self._clock.monotonic_s() + limit_s
        self._write(question)
        read = b""
        while b"\n" not in read:
            if len(read) > _LONGEST_HEAD:
                raise UnexpectedError
            read += self._read(until_s)
        line, _, rest = read.partition(b"\n")
        head = _head(line)
        content = [rest]
        left = head.size - len(rest)
        while left > 0:
            content.append(self._read(until_s))
            left -= len(content[-1])
        if left < 0 or head.asked != json.loads(question):
            raise UnexpectedError
        return head, b"".join(content)

    def kill(self) -> None:
        """From any thread: whoever waits for its answer gets ``EndedError``."""
        self._child.kill()

    def end(self) -> bool:
        """Kill it, and let everything go; False when it waits for a disk that hangs, and ends when that answers."""
        self.kill()
        for pipe in (self._child.stdin, self._child.stdout, self._said):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _write(self, line: bytes) -> None:
        """One that has ended is found out when its answer is read."""
        assert self._child.stdin is not None  # noqa: S101 - it is a pipe
        try:
            os.write(self._child.stdin.fileno(), line)
        except BrokenPipeError:
            return

    def _read(self, until_s: float) -> bytes:
        assert self._child.stdout is not None  # noqa: S101 - it is a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            if not selector.select(max(until_s - self._clock.monotonic_s(), 0.0)):
                raise TooLongError
        data = os.read(self._child.stdout.fileno(), _MOST_AT_ONCE)
        if not data:
            raise EndedError(self._last_words())
        return data

    def _last_words(self) -> str:
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(size - _TAIL_BYTES, 0))
        return (self._said.read().decode(errors="replace").splitlines() or ["its process was ended"])[-1]


def _head(line: bytes) -> AnswerHead:
    try:
        return AnswerHead(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise UnexpectedError from error
