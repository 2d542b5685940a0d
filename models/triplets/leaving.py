"""Which shots of a stage may leave, and which of them are no shots but wild timestamps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.triplets.frontier import FOREVER_NS, NEVER_NS

# A stage's next shot is expected after one period: no other fits in between.
_IN_SEQUENCE_PERIODS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingRule:
    """What a stage knows when it asks which shots may leave.

    Attributes
    ----------
    limit_ns
        Shots up to this time leave whatever they lack: the watermark less the lateness, or later if they are forced to.
    doubt_limit_ns
        What may be wild leaves up to this time: by then a neighbour would have come.
    period_ns
        The stage's shot period, 0 if unknown.
    wild_ns
        A minority of the stage's devices without a neighbour within this is wild.
    previous_ns
        The last shot that has left; ``NEVER_NS`` if none has.
    """

    limit_ns: int
    doubt_limit_ns: int
    period_ns: int
    wild_ns: int
    previous_ns: int


def leaving_shots(
    start_ns: NDArray[np.int64], reported: NDArray[np.int64], awaited: int, next_ns: int, rule: LeavingRule
) -> tuple[int, NDArray[np.bool_]]:
    """How many of the oldest shots leave now, and which of them are wild.

    Shots leave in the order of their times, since episodes and rolling statistics go by it. One for which all have
    reported leaves at once if no other fits between it and the one before; after a gap records that overtook others may
    still be on their way, and it waits like an incomplete one.

    Parameters
    ----------
    start_ns
        int64, shape (n,), n >= 1, ascending.
    reported
        int64, shape (n,): how many of the awaited devices have a record in each shot.
    awaited
        How many devices the shots wait for.
    next_ns
        The next record behind these shots.
    """
    gap_before = np.diff(start_ns, prepend=rule.previous_ns)
    gap_behind = np.diff(start_ns, append=next_ns)
    in_sequence = gap_before <= int(_IN_SEQUENCE_PERIODS * rule.period_ns)
    wild = (gap_before > rule.wild_ns) & (gap_behind > rule.wild_ns) & (2 * reported <= awaited)
    if awaited < 2:
        wild[:] = False  # there is no one to contradict
    doubtful = wild & (start_ns > rule.doubt_limit_ns)
    leaves = ((reported == awaited) & in_sequence) | ((start_ns <= rule.limit_ns) & ~doubtful)
    count = len(leaves) if leaves.all() else int(np.argmin(leaves))
    if rule.previous_ns == NEVER_NS and len(start_ns) == 1 and next_ns == FOREVER_NS:
        wild[:] = False  # the only shot of the input: nothing says that its time is wild
    # A record of nobody who is awaited makes no shot.
    return count, (wild | (reported == 0))[:count]
