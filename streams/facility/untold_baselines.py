"""Baselines that a facility accepted, on their way to its agents: durable first, then told, whoever is killed between.

Told again, a baseline changes nothing: its id says that it was taken. They are told in the order of their ids, since a
device takes none with a smaller id than its latest. Whoever tells one tells all before it that may be untold, so two
who do it at once keep the order, too.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from connectors.control_room.decisions import OperatorDecisions
from models.errors import PetawatchError, RetryableError
from streams.facility.announcements import AnnouncementSender, announce_baseline

#: The command that accepts one tells it by itself: it is left so long to do that.
_LOOK_S = 5.0
_AGAIN_S = 30.0
_END_S = 2.0


def tell_untold(decisions: OperatorDecisions, agents: AnnouncementSender) -> int:
    """Tell the agents all baselines of which they may not know yet; how many. No transaction is open meanwhile.

    Raises
    ------
    RetryableError, FatalError
        As ``announce_baseline``, and as ``OperatorDecisions`` before anything was told: what was not told stays.
    """
    untold = decisions.untold_baselines()
    for baseline in untold:
        announce_baseline(agents, baseline)
    if untold:
        with suppress(RetryableError):  # the disk is full or busy: they are told once more, which changes nothing
            decisions.note_told(untold)
    return len(untold)


class BaselineTeller:
    """Tells what a command has accepted and could not tell: on a thread of its own, beside a facility's recorder.

    Parameters
    ----------
    agents
        Connects to them.
    tell
        Called with a sentence when agents are told, and once when they can't be.
    """

    def __init__(
        self,
        state: Path,
        agents: Callable[[], AbstractContextManager[AnnouncementSender]],
        tell: Callable[[str], None],
    ) -> None:
        self._decisions = OperatorDecisions(state)
        self._agents = agents
        self._tell = tell
        self._seen: set[int] = set()
        self._trouble = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="baselines", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End within seconds; what was not told stays."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_END_S)

    def look(self) -> None:
        """Tell what was untold at the last look already.

        Raises
        ------
        RetryableError, FatalError
            As ``tell_untold`` and the connection.
        """
        before, self._seen = self._seen, {baseline.id for baseline in self._decisions.untold_baselines()}
        if before & self._seen:
            with self._agents() as agents:
                count = tell_untold(self._decisions, agents)
            self._tell(f"{count} accepted {'baseline was' if count == 1 else 'baselines were'} told to the agents")
            self._trouble = ""

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            wait_s = _LOOK_S
            try:
                self.look()
            except PetawatchError as error:
                self._troubled(str(error))
                wait_s = _AGAIN_S
            except Exception as error:  # noqa: BLE001 - the recorder goes on, and an operator is told
                self._troubled(f"internal error, please report it: {type(error).__name__}: {error}")
                wait_s = _AGAIN_S

    def _troubled(self, sentence: str) -> None:
        if not self._trouble:
            self._tell(
                f"{sentence}; the agents do not know of accepted baselines yet, and are told as soon as possible"
            )
        self._trouble = sentence
