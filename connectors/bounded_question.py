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

    Parameters
    ----------
    ask
        Answers it, at any time later or never.
    within_s
        The longest that anybody waits for it.
    again_s
        The longest that whoever asks again waits while it hangs; nobody does by default.
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
        with self._lock:
            asked = self._asked
            if asked is None or asked.done():
                asked = self._asked = self._begun()
            patience_s = self._again_s if asked is self._hanging else self._within_s
        if not wait([asked], patience_s).done:
            self._hanging = asked
            raise HangsError
        return asked.result()

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
