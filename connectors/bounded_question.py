"""A question to something that may hang, a disk for instance, asked on a thread of its own: nobody waits for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class HangsError(Exception):
    """There is no answer: the question was not answered in time, or hung when it was asked last and still does."""


class BoundedQuestion(Generic[Answer]):
    """For any threads: those who ask at once get one answer, and while it hangs no other thread is begun.

    What a question that hung is answered in the end is from before: it is asked anew.

    Parameters
    ----------
    ask
        Answers it, at any time later or never.
    within_s
        The longest that anybody waits for it.
    again_s
        The longest that whoever asks again waits while it hangs, before it is asked anew; nobody does by default.
    """

    def __init__(self, ask: Callable[[], Answer], within_s: float, *, again_s: float = 0.0) -> None:
        self._ask = ask
        self._within_s = within_s
        self._again_s = again_s
        self._lock = threading.Lock()
        self._asked: Future[Answer] | None = None
        self._hanging: Future[Answer] | None = None

    def answer(self) -> Answer:
        """The answer, or what answering it raises.

        Raises
        ------
        HangsError
            There is none.
        """
        asked = self._under_way()
        if asked is self._hanging:
            self._wait(asked, self._again_s)
            asked = self._under_way()
        self._wait(asked, self._within_s)
        return asked.result()

    def _under_way(self) -> Future[Answer]:
        """The question that nobody has answered yet."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._begun()
            return self._asked

    def _wait(self, asked: Future[Answer], at_most_s: float) -> None:
        if not wait([asked], at_most_s).done:
            self._hanging = asked
            raise HangsError

    def _begun(self) -> Future[Answer]:
        asked = Future[Answer]()
        # The program ends without it.
        threading.Thread(target=self._run, args=[asked], name="bounded-question", daemon=True).start()
        return asked

    def _run(self, asked: Future[Answer]) -> None:
        try:
            asked.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001 - raised where it is asked
            asked.set_exception(error)
