from io import StringIO

from rich.console import Console

from dashboards.threshold_table import print_thresholds
from models.scoring.threshold_budget import Thresholds

_ESTIMATED = Thresholds(
    strong_score=6.4,
    weak_score=4.25,
    version=11,
    since_ns=1_656_668_040_100_000_000,
    shots=104_288,
    extrapolation=82.8,
    episodes_per_shift=0.25,
)


def _printed(name: str, *, terminal: bool) -> str:
    console = Console(file=StringIO(), force_terminal=terminal, width=160, color_system=None)
    print_thresholds({name: _ESTIMATED}, "the promise", console)
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
