from io import StringIO

import pytest
from rich.console import Console

from dashboards.threshold_table import print_thresholds
from models.scoring.threshold_budget import Thresholds

_CAMERA = "LA_A3_31-Camera_1-Camera-1"
_ESTIMATED = Thresholds(
    strong_score=6.4,
    weak_score=4.25,
    version=11,
    since_ns=1_656_668_040_100_000_000,
    shots=104_288,
    extrapolation=82.8,
    episodes_per_shift=0.25,
)


def _printed(name: str, *, terminal: bool, width: int = 160, thresholds: Thresholds = _ESTIMATED) -> str:
    console = Console(file=StringIO(), force_terminal=terminal, width=width, color_system=None)
    print_thresholds({name: thresholds}, "the promise", console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_plain_lines_hold_all_that_is_known() -> None:
    expected = (
        "device=a camera one_shot=6.40 several=4.25 version=11 since=2022-07-01T09:34:00.100Z shots_seen=104,288 "
        "extrapolated=82.8 per_shift_at_most=0.25\nthe promise\n"
    )
    assert _printed("a camera", terminal=False) == expected


def test_a_terminal_gets_a_table_with_the_promise_below() -> None:
    text = _printed("a camera", terminal=True)
    assert "Thresholds of episodes" in text
    assert "104,288" in text
    assert text.splitlines()[-1] == "the promise"


def test_a_name_does_not_steer_a_terminal() -> None:
    assert "[red]x?[2J" in _printed("[red]x\x1b[2J", terminal=True)


@pytest.mark.parametrize("width", [80, 120])
def test_a_narrow_terminal_gets_a_block_per_device(width: int) -> None:
    lines = [line.rstrip() for line in _printed(_CAMERA, terminal=True, width=width).splitlines()]
    assert max(map(len, lines)) <= width
    assert lines[:5] == [
        _CAMERA,
        "  opens at         6.40 in one shot, 4.25 in several",
        "  version          11, since 2022-07-01T09:34:00.100Z",
        "  shots seen       104,288, extrapolated 82.8 times",
        "  false per shift  0.25 at most",
    ]
    assert "several with the second: weak_shots of the last weak_window_shots" in " ".join(lines)


def test_before_the_first_estimate_a_block_says_so() -> None:
    lines = _printed(_CAMERA, terminal=True, width=80, thresholds=Thresholds(strong_score=6, weak_score=3)).splitlines()
    assert lines[2].rstrip() == "  version          0, of the settings: nothing is estimated yet"
    assert lines[3].rstrip() == "  false per shift  unknown"
