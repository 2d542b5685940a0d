"""Who may do something alone, for a time: decided from what is noted, and from one clock for all who ask."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """That one holder alone may do something.

    Attributes
    ----------
    until_ns
        When it ends unless it is renewed, by the clock of who keeps it, ns since 1970.
    """

    name: str
    holder: str
    until_ns: int


def next_lease(known: Lease | None, wanted: Lease, now_ns: int) -> Lease:
    """What is noted when somebody asks: the lease that they want, unless another holder has it still.

    An end that lies further ahead than twice the wanted length was noted before the clock was set back; else a holder
    who is gone would keep all others out until the clock is there again. One who is not finds it lost when renewing it.
    """
    if known is None or known.holder == wanted.holder:
        return wanted
    length_ns = wanted.until_ns - now_ns
    return known if now_ns < known.until_ns <= now_ns + 2 * length_ns else wanted
