"""A measured figure, and the machine behind it."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    wanted
        What the specification asks for, as text.
    spread
        Smallest and largest of the repeats, where there were any.
    load
        The machine's load average over the last minute, when it was measured.
    """

    name: str
    value: float
    unit: str
    wanted: str = ""
    spread: tuple[float, float] | None = None
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def to_json(self) -> dict[str, object]:
        """The figure as JSON values."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "wanted": self.wanted,
            "spread": list(self.spread) if self.spread else None,
            "load": round(self.load, 2),
        }


def machine() -> dict[str, object]:
    """The machine's description: a figure without it says little."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory_kib = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / 2**20, 1),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def seconds_each(work: Callable[[], object], *, repeats: int, calls: int = 1) -> list[float]:
    """Seconds of one call of ``work``, sorted, from ``repeats`` timings of ``calls`` calls; one warm-up goes before."""
    work()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        for _ in range(calls):
            work()
        taken.append((time.perf_counter() - begin) / calls)
    return sorted(taken)


def median_figure(name: str, seconds: list[float], *, unit: str, per: float, wanted: str) -> Figure:
    """The median of timings as a figure: ``per`` units make a second."""
    return Figure(
        name=name,
        value=statistics.median(seconds) * per,
        unit=unit,
        wanted=wanted,
        spread=(min(seconds) * per, max(seconds) * per),
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
