"""Do once what a watch does, so that the first alert of a process is as fast as the others.

Libraries load parts of themselves when they are first used, and kernels are compiled, or loaded from where they were
kept: two seconds, which would fall on the first alert.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from models.errors import PetawatchError
from models.simulation.settings import SimulationSettings
from streams.settings import default_settings
from streams.simulation.files import simulate
from streams.watch import open_watch

# The faults begin in the third: evidence is written, too.
_MINUTES = 3


def warm_up() -> None:
    """Simulate, watch, throw away: after it every kernel is compiled, kept on disk and loaded.

    Nothing of the installation's settings counts: a simulated alert goes to nobody.
    """
    with tempfile.TemporaryDirectory(prefix="petawatch-warm-up-") as folder:
        data = simulate(Path(folder, "day"), SimulationSettings(minutes=_MINUTES, stages=1))
        with open_watch([data], Path(folder, "state"), default_settings()) as running:
            running.run_once()


def warm_up_if_possible(tell: Callable[[str], None]) -> None:
    """Warm up; where there is no room for temporary files, say so and go on."""
    try:
        warm_up()
    except (OSError, PetawatchError) as error:
        tell(f"the first alert will take some seconds longer, since the warm-up failed: {error}")


if __name__ == "__main__":
    warm_up()
