"""The priority of this process among all others of the computer."""

import os

_LOWEST = 19


def give_way() -> None:
    """Run from now on only when nothing else wants the processor; threads that are started later do the same.

    On Linux the disk is given way on, too: its priority follows from the processor's.
    """
    os.nice(_LOWEST)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
