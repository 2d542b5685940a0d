"""Verdicts for eyes: a table that a usual terminal shows without breaking a word, lines elsewhere."""

import io

import pytest
from rich.console import Console

from dashboards.decision_tables import print_verdict_counts
from models.alerts.alert import AlertKind
from models.alerts.verdict_counts import VerdictCount, count_verdicts
from models.alerts.verdicts import Verdict

CAMERA = "LA_A3_31-Camera_1-Camera-1"


def counts() -> list[VerdictCount]:
    verdicts = [Verdict.TRUE] * 120 + [Verdict.FALSE] * 3 + [None] * 1000
    return count_verdicts((kind, CAMERA, verdict) for kind in AlertKind for verdict in verdicts)


def printed(*, terminal: bool, width: int = 80) -> str:
    out = io.StringIO()
    print_verdict_counts(counts(), Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_no_word_of_the_table_is_broken(width: int) -> None:
    text = printed(terminal=True, width=width)
    assert max(map(len, text.splitlines())) <= width
    for word in (CAMERA, *AlertKind, "1000", "unclear", "judged", "precision", "98 %", "(93 to 99)"):
        assert f" {word} " in text, word


def test_without_a_terminal_each_count_is_a_line() -> None:
    lines = printed(terminal=False).splitlines()
    assert f"image_anomaly\t{CAMERA}\t120\t3\t0\t1000\t98 % (93 to 99)" in lines
    assert "image_anomaly\tall\t120\t3\t0\t1000\t98 % (93 to 99)" in lines
