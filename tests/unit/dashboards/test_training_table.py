"""A training on terminals of both usual widths, and elsewhere."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from dashboards.training_table import print_training
from models.training.camera_frames import FrameCounts

CAMERA = "LA_A3_31-Camera_1-Camera-1"
COUNTS = FrameCounts(beam=12_345, saturated=3, sampled=4000, judged=12, unusual=101, outliers=1)


@dataclass(frozen=True)
class Gain:
    before: float = 0.0123
    after: float = 0.0119
    standard_error: float = 0.0004


@dataclass(frozen=True)
class Trained:
    camera: str = CAMERA
    counts: FrameCounts = COUNTS
    learned: int = 3000
    later: int = 1
    tuned: Gain | None = None


def printed(*cameras: Trained, width: int, terminal: bool = True) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    print_training(cameras, console)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_narrow_terminal_shows_a_block_per_camera() -> None:
    lines = printed(Trained(), Trained(camera="B\x1b", tuned=Gain()), width=80)
    assert max(map(len, lines)) <= 80
    assert lines == [
        CAMERA,
        "  frames    12,345 with beam, 4,000 sampled",
        "  left out  3 saturated, 12 judged, 101 unusual, 1 outlier",
        "  learned   from 3,000 frames, tried on 1 later frame",
        "B?",
        "  frames       12,345 with beam, 4,000 sampled",
        "  left out     3 saturated, 12 judged, 101 unusual, 1 outlier",
        "  learned      from 3,000 frames, tried on 1 later frame",
        "  error there  1.23% with the shared network",
        "               1.19% ± 0.04% with one of its own",
    ]


def test_a_wide_terminal_shows_a_table_without_columns_that_nothing_was_measured_for() -> None:
    text = "\n".join(printed(Trained(), width=120))
    for word in (CAMERA, "camera", "saturated", "outliers", "12,345", "later"):
        assert f" {word} " in text, word
    assert "shared" not in text


@pytest.mark.parametrize(("width", "table"), [(80, False), (120, False), (160, True)])
def test_measured_errors_are_shown(width: int, table: bool) -> None:
    text = "\n".join(printed(Trained(tuned=Gain()), Trained(camera="B"), width=width))
    assert CAMERA in text
    assert "1.23%" in text
    assert "1.19% ± 0.04%" in text
    assert ("shared, its own: error on later frames" in text) == table


def test_without_a_terminal_each_camera_is_a_line() -> None:
    line = (
        f"{CAMERA}: beam 12,345, saturated 3, sampled 4,000, judged 12, unusual 101, outliers 1, learned 3,000, later 1"
    )
    tuned = Trained(tuned=Gain())
    assert printed(Trained(), tuned, width=20, terminal=False) == [line, f"{line}, shared 1.23%, its own 1.19% ± 0.04%"]
