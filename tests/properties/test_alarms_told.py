"""Random histories of a control room: what is worth telling is told, as urgent as it is; no alarm stands for nothing.

With escalations, chatter, covers of every kind, a clock that jumps, and steps of commands that are given no settings.
The rules are those of ADR 0045.
"""

import json
import tempfile
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.control_room.alarm_rows import find_activations
from connectors.control_room.database import reading
from models.alarms.alarm import Activation, Alarm
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind, Severity
from models.devices import Stage
from models.errors import RecordError
from streams.alarms.alarm_desk import AlarmDesk
from streams.alarms.alarm_steps import AlarmSteps
from streams.alarms.settings import AlarmSettings, KindSettings
from streams.settings import load_settings
from tests.support.alarms import ControlRoom, alert, control_room, over

A3 = Stage("LA", "A3", "31")
JUMP_S = 100_000.0
SHELVED_S = 8.0
_SEVERITIES = [Severity.LOW, Severity.MEDIUM, Severity.HIGH]
_COVERS = ("shelve", "unshelve", "maintain", "done", "out", "back", "idle", "fires")
# What only shows when one follows the other comes in that order, too.
_PHRASES = [
    *((name,) for name in ("open", "worse", "close", "ack", "ahead", "behind", "wait", "command", *_COVERS)),
    *[("open", "wait", "ack"), ("open", "close"), ("wait", "close", "open"), ("wait", "ack", "close", "open", "wait")],
    *[("ahead", "shelve", "behind"), ("ahead", "maintain", "behind"), ("ahead", "open", "behind", "wait")],
    *[("shelve", "close", "open", "close", "unshelve", "open"), ("ack", "worse")],
    *[("shelve", "worse", "close", "unshelve"), ("shelve", "worse", "unshelve")],
    *[("open", "command"), ("shelve", "open", "command"), ("shelve", "open", "unshelve")],
]
_STEP = st.tuples(st.sampled_from([0, 0, 1, 3]), st.sampled_from(_PHRASES), st.integers(0, 2))
STEPS = st.lists(_STEP, min_size=10, max_size=30).map(
    lambda steps: [(wait, name, number) for wait, phrase, number in steps for name in phrase]
)
RULES = st.builds(
    KindSettings,
    on_delay_s=st.sampled_from([0.0, 4.0, 4.0]),
    off_delay_s=st.sampled_from([0.0, 6.0, 6.0]),
    latching=st.booleans(),
)


class History:
    """Alerts of one alarm, and for how long each was open and uncovered by now, whatever the clock says."""

    def __init__(self, room: ControlRoom, on_delay_s: float) -> None:
        self.room = room
        self.on_delay_s = on_delay_s
        self.at_s = 0.0
        self.open: dict[str, Alert] = {}
        self.waited_s: dict[str, float] = {}
        self.jumps: dict[str, int] = {}
        room.steps.begin()
        # At which people stand: that of commands that are given no settings.
        self.desk = AlarmDesk(room.state, load_settings(None), room.clock)

    def close(self) -> None:
        self.desk.close()

    def do(self, name: str, number: int) -> None:
        with suppress(RecordError):  # it makes no sense now: it is refused
            getattr(self, f"_{name}")(number)

    def wait(self, seconds: float, by: AlarmSteps | None = None) -> None:
        """What is due then happens, with a step of the keeper's or of others."""
        self.at_s += seconds
        was_covered = self._is_covered()
        self.room.clock.advance(seconds)
        with (by or self.room.steps).step():
            pass
        covered = was_covered or self._is_covered()
        for each in self.open:
            self.waited_s[each] = 0.0 if covered else self.waited_s[each] + seconds

    def check(self) -> None:
        with reading(self.room.state) as connection:
            activations = list(find_activations(connection, "TRUE"))
        unseen = any(each.announced_ns is not None and each.acknowledged_ns is None for each in activations)
        alarm = self._alarm()
        assert alarm is None or alarm.life.seen != unseen, "an alarm is unseen when something told of it is"
        told = self._told()
        for words in told.values():
            kinds = [kind for kind, _ in words]
            assert kinds[0] == "alert.opened"
            assert kinds.count("alert.opened") == 1
            assert "alert.closed" not in kinds[:-1]
        if alarm is not None and not alarm.life.is_covered:
            for each in activations:
                self._check_told(each, activations, told)

    def _check_told(
        self, one: Activation, activations: list[Activation], told: dict[str, list[tuple[str, Priority]]]
    ) -> None:
        if one.alert.id not in self.open or self.waited_s[one.alert.id] < self._patience_s(one.alert.id):
            return
        mates = [each for each in activations if each.incident_id == one.incident_id and each.announced_ns is not None]
        loudest = max((priority.rank for each in mates for _, priority in told[each.alert.id]), default=-1)
        assert loudest >= Priority.of_severity(one.alert.severity).rank, "it is told, or chatter of what is as urgent"
        if one.announced_ns is not None:
            assert told[one.alert.id][-1][1] == Priority.of_severity(one.alert.severity)

    def _patience_s(self, alert_id: str) -> float:
        """With every jump of the clock the delay may begin anew, and a second may be lost."""
        return self.on_delay_s + self.jumps[alert_id] * (self.on_delay_s + 1)

    def _told(self) -> dict[str, list[tuple[str, Priority]]]:
        told: dict[str, list[tuple[str, Priority]]] = {}
        with reading(self.room.state) as connection:
            rows = connection.execute(
                "SELECT subject_id, type, body FROM outbox WHERE receiver = 'all' AND type LIKE 'alert.%' ORDER BY id"
            )
            for subject, type_, body in rows:
                told.setdefault(subject, []).append((type_, Priority(json.loads(body)["data"]["priority"])))
        return told

    def _alarm(self) -> Alarm | None:
        return next(iter(self.room.reader.alarms()), None)

    def _is_covered(self) -> bool:
        alarm = self._alarm()
        return alarm is not None and alarm.life.is_covered

    def _id(self) -> str:
        alarm = self._alarm()
        return "0" * 16 if alarm is None else alarm.id

    def _open(self, number: int) -> None:
        self.at_s += 0.001  # each has an id of its own
        one = alert(kind=AlertKind.NO_BEAM, at_s=self.at_s, severity=_SEVERITIES[number])
        self.open[one.id], self.waited_s[one.id], self.jumps[one.id] = one, 0.0, 0
        self.room.take(one)

    def _worse(self, number: int) -> None:
        for one in list(self.open.values())[number : number + 1]:
            worse = _SEVERITIES[min(_SEVERITIES.index(one.severity) + 1, 2)]
            self.open[one.id] = replace(one, severity=worse)
            self.room.take(self.open[one.id])

    def _close(self, number: int) -> None:
        for one in list(self.open.values())[number : number + 1]:
            del self.open[one.id]
            self.room.take(over(one, after_s=self.at_s))

    def _ack(self, _: int) -> None:
        self.desk.acknowledge(self._id(), by="ana")

    def _wait(self, number: int) -> None:
        self.wait(5.0 * number)

    def _command(self, number: int) -> None:
        self.wait(5.0 * number, self.desk._steps)

    def _ahead(self, _: int) -> None:
        self._jump(JUMP_S)

    def _behind(self, _: int) -> None:
        self._jump(-JUMP_S)

    def _jump(self, seconds: float) -> None:
        self.room.clock.set_wall_clock(self.room.clock.now_ns() + round(seconds * 10**9))
        for each in self.jumps:
            self.jumps[each] += 1
        self.wait(0)

    def _shelve(self, _: int) -> None:
        until_ns = self.room.clock.now_ns() + round(SHELVED_S * 10**9)
        self.desk.shelve(self._id(), until_ns=until_ns, by="ana", why="spare")

    def _unshelve(self, _: int) -> None:
        self.desk.unshelve(self._id(), by="ana")

    def _maintain(self, _: int) -> None:
        until_ns = self.room.clock.now_ns() + round(SHELVED_S * 10**9)
        self.desk.start_maintenance(A3, until_ns=until_ns, by="ana", why="new crystal")

    def _done(self, _: int) -> None:
        self.desk.end_maintenance(A3, by="ana")

    def _out(self, _: int) -> None:
        self.desk.take_out(self._id(), by="ana", why="broken")

    def _back(self, _: int) -> None:
        self.desk.put_back(self._id(), by="ana")

    def _idle(self, _: int) -> None:
        with self.room.steps.step() as book:
            book.note_idle({A3: True})

    def _fires(self, _: int) -> None:
        with self.room.steps.step() as book:
            book.note_idle({A3: False})


# Every step is on the disk: a history that fails is not made shorter, which would take minutes.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.reuse, Phase.generate],
)
@given(RULES, STEPS)
def test_nothing_worth_telling_is_left_untold(rules: KindSettings, steps: list[tuple[int, str, int]]) -> None:
    alarms = AlarmSettings(kinds={AlertKind.NO_BEAM: rules}, incident_gap_s=10, incident_span_s=20)
    with tempfile.TemporaryDirectory() as folder, control_room(Path(folder), alarms) as room, ExitStack() as stack:
        history = stack.enter_context(closing(History(room, rules.on_delay_s or 0.0)))
        for wait, name, number in steps:
            history.wait(wait)
            history.do(name, number)
            history.check()
        for name in ("fires", "back"):
            history.do(name, 0)
        jumps = 1 + sum(name in {"ahead", "behind"} for _, name, _ in steps)
        history.wait(SHELVED_S * jumps + jumps)  # nothing that people put off lasts longer
        assert not history._is_covered()
        history.wait((history.on_delay_s + 1) * (1 + jumps))
        history.check()
