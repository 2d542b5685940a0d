"""Compile every kernel once, so that the first watch is ready at once: watches three simulated minutes."""

import tempfile
from pathlib import Path

from models.simulation.settings import SimulationSettings
from streams.settings import load_settings
from streams.simulation import simulate
from streams.watch import open_watch


def compile_kernels() -> None:
    """Simulate, watch, throw away: after it every kernel is compiled, kept on disk and loaded."""
    with tempfile.TemporaryDirectory(prefix="petawatch-warm-up-") as folder:
        data = simulate(Path(folder, "day"), SimulationSettings(minutes=3, stages=1))
        with open_watch([data], Path(folder, "state"), load_settings(None)) as running:
            running.run_once()


if __name__ == "__main__":
    compile_kernels()
