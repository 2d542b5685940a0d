"""The table of architectures fits 120 columns and shows every measure."""

from dataclasses import dataclass
from io import StringIO

import numpy as np
from rich.console import Console

from dashboards.architecture_table import print_architectures
from models.training.architecture_comparison import ArchitectureFigures, ScoredStretch, Stretches, figures


@dataclass(frozen=True)
class Shown:
    name: str
    description: str
    figures: ArchitectureFigures


def shown(name: str, odd: float) -> Shown:
    scores = np.full(400, 0.1)
    scores[350:360] = odd
    fault = np.full(400, -1, np.int64)
    fault[350:360] = 0
    stretch = ScoredStretch(score=scores, fault=fault, severities=[0.9], hz=10.0)
    return Shown(
        name,
        f"the one called {name}",
        figures(Stretches(labelled=[stretch], cold=[stretch], drifting=[], staying=[]), 123.4),
    )


def printed(*architectures: Shown) -> list[str]:
    out = StringIO()
    print_architectures(architectures, Console(file=out, width=120))
    return out.getvalue().splitlines()


def test_each_architecture_has_a_column() -> None:
    lines = printed(shown("good", 9.0), shown("blind", 0.0))
    assert lines[0].split() == ["good", "blind"]
    assert next(line for line in lines if line.startswith("found, strong")).split()[-2:] == ["1.000", "0.000"]
    assert next(line for line in lines if line.startswith("found, mild")).split()[-2:] == ["-", "-"]
    assert next(line for line in lines if line.startswith("slow drift: false")).split()[-2:] == ["-", "-"]
    assert next(line for line in lines if line.startswith("us of")).split()[-2:] == ["123", "123"]
    assert "good: the one called good" in lines


def test_eight_columns_fit() -> None:
    lines = printed(
        *(
            shown(name, 9.0)
            for name in ("strided", "moments", "pca", "report", "half-space-trees", "hybrid", "patches", "denoising")
        )
    )
    assert max(len(line) for line in lines if not line.startswith("Found:")) <= 120


def test_nothing_to_compare_is_nothing_to_show() -> None:
    assert printed() == []
