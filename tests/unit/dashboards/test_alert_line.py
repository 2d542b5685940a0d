import io
from dataclasses import replace

import pytest
from rich.console import Console

from dashboards.alert_line import duration, print_alert_event
from models.alerts.alert import AlertChange, AlertEvent
from models.alerts.explanation import NO_EXPLANATION
from models.event_time import SECOND_NS, format_iso
from tests.unit.connectors.state.examples import alert_event


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (121, "2 min"), (7_300, "2 h"), (300_000, "3 d")]
)
def test_durations_have_their_natural_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_openings_show_the_age_of_the_shot_and_updates_nothing() -> None:
    alert = replace(alert_event().alert, shots=3)
    now_ns = alert.first_shot_ns + 42 * SECOND_NS
    lines = {}
    for change in AlertChange:
        out = io.StringIO()
        print_alert_event(AlertEvent(change=change, alert=alert), Console(file=out, width=80), now_ns=now_ns)
        lines[change] = out.getvalue()
    assert "42 s ago" in lines[AlertChange.OPENED]
    assert alert.id in lines[AlertChange.OPENED]
    assert f" opened {alert.severity.value} {alert.kind.value} " in lines[AlertChange.OPENED]
    assert lines[AlertChange.CLOSED].startswith(f"{format_iso(alert.last_shot_ns)} (after 3 shots) closed ")
    assert lines[AlertChange.UPDATED] == ""
    assert lines[AlertChange.OPENED].count("\n") == 1


def test_a_line_says_what_is_odd_before_how_it_was_found() -> None:
    event, out = alert_event(), io.StringIO()
    unexplained = replace(event, alert=replace(event.alert, explanation=NO_EXPLANATION, device="a\x1b[2Jb"))
    for told in (event, unexplained):
        print_alert_event(told, Console(file=out, width=80), now_ns=event.alert.first_shot_ns)
    explained, plain = out.getvalue().splitlines()
    text = "hot spot at (61, 40) px, 31 % above its surroundings"
    assert explained.endswith(f"LA_A3_31-Camera_1-Camera-1: {text} (residual, latent) [{event.alert.id}]")
    words = "the picture is not as usual, an unusual combination of usual parts"
    assert plain.endswith(f" a?[2Jb: {words} (residual, latent) [{event.alert.id}]")
