"""A process that ends when the one that started it ends, however that ends."""

import ctypes
import os
import signal

# prctl(2): the signal that the kernel sends when the thread ends that started this process.
_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """From now on this process is killed when its parent is gone.

    Parameters
    ----------
    parent
        The parent's process id: it may have ended before this is called.

    Raises
    ------
    OSError
        The kernel can't do that.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
