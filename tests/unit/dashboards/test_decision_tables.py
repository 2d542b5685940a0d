"""Verdicts for eyes: a table that a usual terminal shows without breaking a word, lines elsewhere."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from connectors.control_room.decisions import RecordedBaseline
from dashboards.decision_tables import print_baselines, print_verdict_counts
from models.alerts.alert import AlertKind
from models.alerts.verdict_counts import VerdictCount, count_verdicts
from models.alerts.verdicts import Verdict
from models.baseline import AcceptedBaseline
from models.devices import Device, RecordKind, Stage

CAMERA = "LA_A3_31-Camera_1-Camera-1"
BASELINE = RecordedBaseline(
    baseline=AcceptedBaseline(
        id=1_656_667_801_100_000_000,
        device=Device(CAMERA, Stage("LA", "A3", "31"), RecordKind.CAMERA),
        from_ns=1_656_667_800_000_000_000,
    ),
    reason="the beam was realigned after the exchange of the amplifier's third crystal",
    by="operator@control-room",
)


def counts() -> list[VerdictCount]:
    verdicts = [Verdict.TRUE] * 120 + [Verdict.FALSE] * 3 + [None] * 1000
    return count_verdicts((kind, CAMERA, verdict) for kind in AlertKind for verdict in verdicts)


def printed(*, terminal: bool, width: int = 80, of: Sequence[VerdictCount] | None = None) -> str:
    out = io.StringIO()
    shown = counts() if of is None else of
    print_verdict_counts(shown, Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_no_word_of_the_table_is_broken(width: int) -> None:
    text = printed(terminal=True, width=width)
    assert max(map(len, text.splitlines())) <= width
    for word in (CAMERA, *AlertKind, "1000", "unclear", "judged", "precision", "98 %", "(93 to 99)"):
        assert f" {word} " in text, word


def test_without_a_terminal_each_count_is_a_line() -> None:
    heads, *lines = printed(terminal=False).splitlines()
    assert heads == "kind\twhere\ttrue\tfalse\tunclear\tnot judged\tprecision (95 %)"
    assert f"image_anomaly\t{CAMERA}\t120\t3\t0\t1000\t98 % (93 to 99)" in lines
    assert "image_anomaly\tall\t120\t3\t0\t1000\t98 % (93 to 99)" in lines


def test_a_terminal_leaves_out_what_nobody_judged_and_says_how_much() -> None:
    some = [(AlertKind.IMAGE_ANOMALY, CAMERA, Verdict.TRUE), (AlertKind.IMAGE_ANOMALY, "B", None)]
    of = count_verdicts([*some, *[(AlertKind.DRIFT, "C", None)] * 3])
    text = printed(terminal=True, of=of)
    assert CAMERA in text
    assert "│ all " in text
    assert "drift" not in text
    assert text.splitlines()[-2:] == [
        "left out: 2 rows without a verdict, with 4 alerts; petawatch verdict --summary ",
        "--json",
    ]
    assert len(printed(terminal=False, of=of).splitlines()) == 1 + 5


def test_a_terminal_without_any_verdict_gets_no_table() -> None:
    text = printed(terminal=True, of=count_verdicts([(AlertKind.DRIFT, "C", None)]))
    assert text.startswith("no alert has a verdict yet\nleft out: 1 row without a verdict, with 1 alert;")
    assert printed(terminal=True, of=[]) == "no alerts\n"


def baselines(*, width: int, terminal: bool = True) -> list[str]:
    out = io.StringIO()
    print_baselines([BASELINE], Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_narrow_terminal_shows_a_block_per_baseline_with_whole_times() -> None:
    assert baselines(width=80) == [
        CAMERA,
        "  accepted  2022-07-01T09:30:01.100Z",
        "  from      2022-07-01T09:30:00.000Z",
        "  by        operator@control-room",
        "  reason    the beam was realigned after the exchange of the amplifier's third",
        "            crystal",
    ]


def test_a_wide_terminal_shows_a_table_of_baselines() -> None:
    text = "\n".join(baselines(width=200))
    for cell in (CAMERA, "2022-07-01T09:30:01.100Z", "2022-07-01T09:30:00.000Z", "operator@control-room"):
        assert f"│ {cell} │" in text, cell


def test_without_a_terminal_each_baseline_is_a_line() -> None:
    heads, row = (line.split("\t") for line in baselines(width=20, terminal=False))
    assert (heads[:2], row[:2]) == (["device", "accepted"], [CAMERA, "2022-07-01T09:30:01.100Z"])
