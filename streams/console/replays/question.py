"""What is replayed: a stretch, and with which model."""

import hashlib
import json
import re
from dataclasses import dataclass

from models.errors import RecordError
from models.event_time import DAY_NS

#: The longest stretch that is replayed from the console; the command has no such limit.
LONGEST_NS = DAY_NS

# A name, and no option or path.
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayQuestion:
    """What is replayed.

    Attributes
    ----------
    from_ns, to_ns
        Event times: from the one on and before the other.
    model
        Name of another model, which is compared with the one of that time; empty: none.
    fresh
        Whether it starts without a state: all devices learn anew.
    """

    from_ns: int
    to_ns: int
    model: str = ""
    fresh: bool = False

    @property
    def id(self) -> str:
        """Computed: the same question has the same id."""
        text = json.dumps([self.from_ns, self.to_ns, self.model, self.fresh])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def check(self) -> None:
        """Refuse what makes no sense, before anything runs.

        Raises
        ------
        RecordError
            ``replay_stretch``, ``replay_model``.
        """
        if not 0 < self.to_ns - self.from_ns <= LONGEST_NS:
            raise RecordError(
                "a stretch begins before its end and is at most 24 hours long; petawatch replay takes longer ones",
                reason="replay_stretch",
            )
        if self.model and not _MODEL.fullmatch(self.model):
            raise RecordError(
                f"{self.model!r} is no name of a model; the page of replays offers those that there are",
                reason="replay_model",
            )
