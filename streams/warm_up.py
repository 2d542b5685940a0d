"""Compile every kernel once, so that the first watch is ready at once: watches a simulated minute and a half."""

import tempfile
from pathlib import Path

from models.simulation.settings import SimulationSettings
from streams.settings import load_settings
from streams.simulation import simulate
from streams.watch import open_watch


def main() -> None:
    """Simulate, watch, throw away."""
    with tempfile.TemporaryDirectory() as folder:
        data = simulate(Path(folder, "day"), SimulationSettings(minutes=3, stages=1))
        with open_watch([data], Path(folder, "state"), load_settings(None)) as running:
            running.run_once()


if __name__ == "__main__":
    main()
