from io import StringIO

from rich.console import Console

from dashboards.figure_table import print_figures
from streams.benchmarks.figure import Figure

_FIGURES = [
    Figure(name="threshold", value=2.345, unit="us", wanted="3", spread=(2.1, 9.9), load=0.5),
    Figure(name="images a second", value=4321.0, unit="images/s", load=1.25),
]
_MACHINE = {"cpu": "x", "cores": 2}


def _printed(*, terminal: bool) -> str:
    console = Console(file=StringIO(), force_terminal=terminal, width=120, color_system=None)
    print_figures(_MACHINE, _FIGURES, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_plain_lines_hold_value_spread_what_is_wanted_and_the_load() -> None:
    assert _printed(terminal=False).splitlines() == [
        "threshold: 2.35 us 2.1 .. 9.9 (wanted: 3; load 0.5)",
        "images a second: 4,321 images/s (wanted: -; load 1.2)",
        "machine: cpu x, cores 2",
    ]


def test_a_terminal_gets_a_table_with_the_machine_below() -> None:
    text = _printed(terminal=True)
    assert "threshold" in text
    assert "4,321" in text
    assert "cpu x, cores 2" in text
