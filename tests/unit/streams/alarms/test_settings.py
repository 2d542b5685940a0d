"""Settings of alarms: what is shipped, what an installation says, and what is noted of a change."""

from pathlib import Path

import pytest

from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.reader import ControlRoomReader
from models.alarms.guidance import GUIDANCE
from models.alarms.priority import Priority
from models.alerts.alert import AlertKind, Severity
from models.errors import FatalError
from models.event_time import SECOND_NS
from models.scoring.threshold_budget import ThresholdBudget
from streams.alarms.settings import AlarmSettings, KindSettings
from streams.settings import load_settings, settings_of_text, settings_text
from streams.settings_audit import note_settings
from tests.support.manual_clock import ManualClock

OWN = """
[alarms]
idle_after_s = 30
[alarms.kinds.no_beam]
priority = "low"
call = "beam group, 4711"
on_delay_s = 2
latching = true
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "petawatch.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_an_installation_does_not_say_is_as_shipped(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, OWN))
    rules, shipped = settings.alarms.rules(AlertKind.NO_BEAM), GUIDANCE[AlertKind.NO_BEAM]
    assert (rules.call, rules.check, rules.timing.latching) == ("beam group, 4711", shipped.check, True)
    assert (rules.timing.on_delay_ns, rules.timing.off_delay_ns) == (2 * SECOND_NS, 0)
    assert rules.priority_of(Severity.HIGH) is Priority.LOW
    others = settings.alarms.rules(AlertKind.DEVICE_STATE)
    assert (others.timing.off_delay_ns, others.priority_of(Severity.HIGH)) == (90 * SECOND_NS, Priority.HIGH)
    assert settings.alarms.idle_after_s == 30
    assert settings_of_text(settings_text(settings)).alarms == settings.alarms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[alarms.kinds.no_beams]\npriority = "low"', "no_beams"),
        ('[alarms.kinds.no_beam]\npriority = "urgent"', "priority"),
        ("[alarms.kinds.no_beam]\non_delay_s = -1", "0 to 86400"),
        ("[alarms.kinds.no_beam]\ndelay_s = 1", "no such setting"),
        ("[alarms]\nidle_after_s = 0", "more than 0"),
        ("[alarms]\nincident_gap_s = -1", "0 to 86400"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FatalError, match=words):
        load_settings(write(tmp_path, text))


def test_a_change_of_what_is_odd_stands_in_the_audit_log(tmp_path: Path) -> None:
    clock, reader = ManualClock(), ControlRoomReader(tmp_path)
    note_settings(tmp_path, load_settings(None), clock)
    note_settings(tmp_path, load_settings(None, threads=3), clock)  # decides nothing about what is odd
    assert reader.audit() == []
    budget = ThresholdBudget(false_episodes_per_shift=5.0)
    alarms = AlarmSettings(kinds={AlertKind.DRIFT: KindSettings(off_delay_s=5)})
    changed = load_settings(None, budget=budget, alarms=alarms, data_stopped_after_s=0.0)
    note_settings(tmp_path, changed, clock)
    [entry] = reader.audit()
    assert (entry.action, entry.at_ns) == ("change_settings", clock.now_ns())
    assert entry.details["budget.false_episodes_per_shift"] == {"from": 10.0, "to": 5.0}
    assert entry.details["alarms.kinds.drift.off_delay_s"] == {"from": None, "to": 5.0}
    assert entry.details["data_stopped_after_s"] == {"from": 180.0, "to": 0.0}
    note_settings(tmp_path, changed, clock)
    assert len(reader.audit()) == 1
    assert reader.audit_breaks() == []
    ControlRoomDatabase.open(tmp_path).close()


def test_a_change_of_who_is_told_stands_in_the_audit_log_without_secrets(tmp_path: Path) -> None:
    def start(text: str) -> None:
        note_settings(tmp_path, load_settings(write(tmp_path, text)), ManualClock())

    address = 'url = "https://eve:hidden@alarms.example/hook"'
    start(f'[[receivers]]\nname = "ops"\n{address}\n[[messengers]]\nname = "mail"\nurl = "mailto://hidden"\n')
    start(
        f'[[receivers]]\nname = "ops"\n{address}\nminimum_priority = "high"\n[console]\nidle_h = 9\n'
        '[webhooks]\nmax_retry_s = 9\n[alertmanager]\nurl = "http://127.0.0.1:9093"\n'
    )
    [entry] = ControlRoomReader(tmp_path).audit()
    assert entry.details == {
        "alertmanager.url": {"from": "", "to": "http://127.0.0.1:9093"},
        "console.idle_h": {"from": 2.0, "to": 9.0},
        "receivers.mail.events": {"from": "incident", "to": None},
        "receivers.mail.minimum_priority": {"from": "low", "to": None},
        "receivers.ops.minimum_priority": {"from": "low", "to": "high"},
        "webhooks.max_retry_s": {"from": 300.0, "to": 9.0},
    }
    assert b"hidden" not in b"".join(file.read_bytes() for file in tmp_path.glob("decisions.sqlite*"))
