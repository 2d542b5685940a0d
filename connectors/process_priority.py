"""The priority of this process among all others of the computer."""

import os

_LOWEST = 19
_BEHIND = 5


def give_way() -> None:
    """Take the lowest priority from now on; threads that are started later have it, too.

    On Linux such a process does not interrupt others when it has something to do, gets one or two parts in a hundred
    of a processor that others want, and stands back at the disk, whose priority follows from the processor's. It is
    not the class that gets nothing then: a signal has to be heard, and it could not be left again.
    """
    os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def step_back() -> None:
    """Take a lower priority from now on, as ``give_way``: about a quarter of a processor that one other wants."""
    os.setpriority(os.PRIO_PROCESS, 0, _BEHIND)
