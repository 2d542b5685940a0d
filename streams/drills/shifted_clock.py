"""Runs a command with a clock that jumps: what happens when a computer's time is set while Petawatch runs."""

import time

from connectors.clock import SystemClock

#: The program of a process whose clock jumps: seconds until it does, seconds of the jump, then the command line.
PROGRAM = (
    "import sys; from streams.drills.shifted_clock import jump_after; from streams.command_line import main; "
    "jump_after(float(sys.argv[1]), float(sys.argv[2])); main(sys.argv[3:])"
)


def jump_after(seconds: float, jump_s: float) -> None:
    """From so many seconds on, every clock of this process is ahead by ``jump_s`` (behind when negative)."""
    began_s = time.monotonic()
    told_ns = SystemClock.now_ns

    def now_ns(self: SystemClock) -> int:
        jumped = time.monotonic() - began_s >= seconds
        return told_ns(self) + (int(jump_s * 1e9) if jumped else 0)

    setattr(SystemClock, "now_ns", now_ns)  # noqa: B010 - the jump is the drill
