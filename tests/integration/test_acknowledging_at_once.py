"""Two processes acknowledge the same at the same time: one wins, and the other hears who."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from models.alarms.life_cycle import AlarmState
from tests.support.alarms import ControlRoom, alert, control_room, over

_ROUNDS = 25
_PEOPLE = ("ana", "ion")


def acknowledger(stack: ExitStack, state: Path, who: str) -> subprocess.Popen[str]:
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.acknowledger", str(state), who],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    stack.callback(process.kill)
    return process


def answers(processes: list[subprocess.Popen[str]], subject: str) -> list[str]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{subject}\n")
        process.stdin.flush()
    return [line(process) for process in processes]


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def subject_of(room: ControlRoom, number: int, alert_id: str) -> str:
    """In turn the alert, its alarm, its incident."""
    activation = room.reader.activation(alert_id)
    assert activation is not None
    return (alert_id, activation.alarm_id, activation.incident_id)[number % 3]


def test_one_wins_and_the_other_hears_who(tmp_path: Path) -> None:
    with control_room(tmp_path) as room, ExitStack() as stack:
        processes = [acknowledger(stack, tmp_path, who) for who in _PEOPLE]
        assert [line(process) for process in processes] == ["ready"] * len(_PEOPLE)
        for number in range(_ROUNDS):
            one = alert(at_s=number * 10_000)
            room.take(one)
            found = answers(processes, subject_of(room, number, one.id))
            [winner] = [who for who, answer in zip(_PEOPLE, found, strict=True) if answer == "won"]
            refused = [answer for answer in found if answer != "won"]
            assert all(answer.startswith(f"{winner} acknowledged") for answer in refused)
            assert len(refused) == len(_PEOPLE) - 1
            [alarm] = room.reader.alarms()
            assert (alarm.state, alarm.acknowledged_by) == (AlarmState.ACKNOWLEDGED, winner)
            room.take(over(one))
        assert len(room.reader.audit()) == _ROUNDS
        assert room.reader.audit_breaks() == []
