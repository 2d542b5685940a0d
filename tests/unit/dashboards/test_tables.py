import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from connectors.evidence_store import EvidenceLink
from dashboards.alert_table import print_alerts
from dashboards.ledger_table import print_ledger
from models.alerts.alert import Alert, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import NO_EXPLANATION, UNKNOWN_CAUSE, Explanation
from models.devices import NO_STAGE, Stage
from models.event_time import SECOND_NS, parse_iso

FIRST_NS = parse_iso("2022-07-01T09:34:00.100Z")
ALERT = Alert(
    id="0123456789abcdef",
    kind=AlertKind.IMAGE_ANOMALY,
    severity=Severity.HIGH,
    status=AlertStatus.OPEN,
    stage=Stage("LA", "A3", "31"),
    device="LA_A3_31-Camera_1-Camera-1",
    first_shot_ns=FIRST_NS,
    last_shot_ns=FIRST_NS + 2 * SECOND_NS,
    shots=21,
    score=7.24,
    reasons=("residual", "beam_moments"),
    model="default-1",
    source=AlertSource(
        file="10Hz/[bold]\x1b[2J\tx.h5", sha256="ab" * 32, path="09-34-00-100/LA_A3_31-Camera_1-Camera-1"
    ),
    explanation=Explanation(
        text="hot spot at (61, 40) px, 34 % above its surroundings", cause="hot_spot", cause_probability=0.93
    ),
)
LINK = EvidenceLink(
    alert_id=ALERT.id, role="first", event_time_ns=FIRST_NS, png="evidence/2022-07-01/x.png", npz="evidence/x.npz"
)
RECORDS = (
    "read",
    "triplet",
    "incomplete",
    "idle",
    "unjoined",
    "duplicate",
    "late",
    "invalid",
    "unexpected",
    "dead_letter",
)


def _printed(print_: Any, subject: Any, *, terminal: bool, width: int = 120) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    print_(subject, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _ledger(*, balanced: bool = True) -> dict[str, Any]:
    ledger: dict[str, Any] = {
        "files": {"accepted": 2, "rejected": 1, "replaced": 0, "skipped": 0, "ignored": 0},
        "records": {**dict.fromkeys(RECORDS, 0), "read": 12345, "triplet": 12345, "pending": 0},
        "balanced": balanced,
    }
    if not balanced:
        ledger["unbalanced_files"] = [
            {"file": "a[b]\n.h5", "sha256": "cd" * 32, "read": 10, "decided": 9, "pending": 0}
        ]
    return ledger


def test_alerts_are_one_line_each_without_a_terminal() -> None:
    no_device = replace(
        ALERT,
        device="",
        status=AlertStatus.CLOSED,
        score=0.0,
        reasons=("spectrometer",),
        explanation=Explanation(cause=UNKNOWN_CAUSE, cause_probability=0.4),
    )
    no_stage = replace(no_device, stage=NO_STAGE, kind=AlertKind.SNAPSHOT_REJECTED, explanation=NO_EXPLANATION)
    text = _printed(print_alerts, iter([(ALERT, [LINK]), (no_device, []), (no_stage, [])]), terminal=False, width=40)
    lines = [line.split("\t") for line in text.splitlines()]
    assert lines[0] == [
        "2022-07-01T09:34:00.100Z",
        "2.0 s",
        "image_anomaly",
        "high",
        "open",
        "LA_A3_31-Camera_1-Camera-1",
        "21",
        "7.2",
        "residual, beam_moments",
        "first: evidence/2022-07-01/x.png",
        "0123456789abcdef",
        "hot_spot 93 %",
        "hot spot at (61, 40) px, 34 % above its surroundings",
    ]
    assert lines[1][5:9] == ["LA-A3-31", "21", "-", "spectrometer"]
    assert lines[1][11:] == ["unknown", ""]
    assert lines[2][11:] == ["", ""]
    assert lines[2][5] == "10Hz/[bold]?[2J?x.h5"


@pytest.mark.parametrize("width", [80, 120, 220])
def test_alerts_are_a_table_on_a_terminal(width: int) -> None:
    text = _printed(print_alerts, [(ALERT, [LINK])], terminal=True, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "Alerts" in text
    assert "high" in text
    assert ("evidence/2022-07-01/x.png" in text) == (width == 220)


def test_what_is_odd_is_read_first_and_in_one_line_of_a_usual_terminal() -> None:
    rows = [
        line.lstrip("│ ") for line in _printed(print_alerts, [(ALERT, [LINK])], terminal=True, width=100).splitlines()
    ]
    first, where, found, cause = rows[4:8]
    assert first.startswith("hot spot at (61, 40) px, 34 % above its surroundings │ high ")
    assert where.startswith("LA_A3_31-Camera_1-Camera-1 [0123456789abcdef] ")
    assert found.startswith("image_anomaly: residual, beam_moments ")
    assert cause.startswith("cause: hot_spot 93 % ")


def test_an_alert_without_an_explanation_says_its_reasons_in_words() -> None:
    alert = replace(ALERT, explanation=NO_EXPLANATION, kind=AlertKind.STUCK_FRAME, reasons=("stuck_frame",), score=0.0)
    text = _printed(print_alerts, [(alert, [])], terminal=True, width=100)
    lines = [line.strip("│ ") for line in text.splitlines()]
    assert lines[4].startswith("each frame is bit for bit the one before ")
    assert lines[6].startswith("stuck_frame ")
    assert "cause" not in text


@pytest.mark.parametrize(("probability", "percent"), [(0.29, 29), (0.5, 50), (0.999, 99), (1.0, 100)])
def test_only_what_is_certain_is_so_to_100_percent(probability: float, percent: int) -> None:
    explanation = Explanation(text="a", cause="rings", cause_probability=probability)
    text = _printed(print_alerts, [(replace(ALERT, explanation=explanation), [])], terminal=True)
    assert f"rings {percent} % " in text


def test_nothing_in_an_explanation_steers_a_terminal() -> None:
    alert = replace(ALERT, explanation=Explanation(text="a\x1b[2J\nb\tc", cause="\x1b[2J", cause_probability=1.0))
    for terminal in (True, False):
        text = _printed(print_alerts, [(alert, [])], terminal=terminal)
        assert "a?[2J?b?c" in text
        assert "\x1b[2J" not in text


def test_no_alerts_are_said() -> None:
    assert _printed(print_alerts, [], terminal=False) == "no alerts\n"
    assert _printed(print_alerts, [], terminal=True) == "no alerts\n"


def test_the_ledger_is_one_line_per_count_without_a_terminal() -> None:
    lines = _printed(print_ledger, _ledger(), terminal=False, width=20).splitlines()
    assert lines[:2] == ["files accepted 2", "files rejected 1"]
    assert "records read 12345" in lines
    assert lines[-1] == "balanced: every record that was read has one outcome or is pending"


def test_the_ledger_is_a_table_on_a_terminal() -> None:
    text = _printed(print_ledger, _ledger(), terminal=True, width=80)
    assert "12,345" in text
    assert "dead_letter" in text
    assert "balanced:" in text


def test_a_ledger_that_does_not_balance_names_the_files() -> None:
    text = _printed(print_ledger, _ledger(balanced=False), terminal=False)
    assert "NOT BALANCED" in text
    assert "a[b]?.h5 (sha256 cdcdcdcdcdcdcdcd): 10 read, 9 decided, 0 pending" in text
