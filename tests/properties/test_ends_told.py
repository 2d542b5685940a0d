"""Random histories of a control room whose receivers change: whoever hears of something hears its end, and only he.

As ADR 0054 has it; and as ADR 0055 has it, whoever wants to hear of more hears what goes on, once. The receiver ``all``
hears of everything, and says what there was to hear. What people do is done by commands that are given no settings.
"""

import json
import tempfile
from collections import defaultdict
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.control_room.database import reading
from connectors.control_room.told_subjects import owed_ends
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, Wanted
from models.alarms.incident import IncidentState
from models.alarms.priority import Priority
from models.alerts.alert import AlertKind
from streams.alarms.alarm_steps import open_steps
from streams.alarms.settings import AlarmSettings, KindSettings
from streams.settings import load_settings
from tests.properties.test_alarms_told import RULES, STEPS, History
from tests.support.alarms import ControlRoom, control_room


def _receiver(name: str, events: Wanted, minimum: Priority) -> ReceiverSettings:
    return ReceiverSettings(name=name, url=SecretStr("http://127.0.0.1:9/"), events=events, minimum_priority=minimum)


def _messenger(name: str, events: Wanted, minimum: Priority) -> MessengerSettings:
    return MessengerSettings(name=name, url=SecretStr("json://127.0.0.1:9/"), events=events, minimum_priority=minimum)


_ALL = _receiver("all", Wanted.ALL, Priority.LOW)
#: Who is told besides, by turns: with other priorities, of something else, and not at all.
_TOLD = [
    (
        _receiver("pager", Wanted.ALL, Priority.HIGH),
        _receiver("log", Wanted.ALERT, Priority.MEDIUM),
        _messenger("chat", Wanted.INCIDENT, Priority.HIGH),
    ),
    (_receiver("pager", Wanted.ALL, Priority.LOW), _messenger("chat", Wanted.ALERT, Priority.MEDIUM)),
    (_receiver("pager", Wanted.INCIDENT, Priority.MEDIUM), _receiver("log", Wanted.ALERT, Priority.HIGH)),
    (),
]
_WHICH = st.integers(0, len(_TOLD) - 1)
_CHANGES = st.lists(st.tuples(st.integers(0, 30), st.tuples(_WHICH, st.none() | _WHICH)), max_size=4)
_BEGINNINGS = {"opened", "updated", "announced_again"}


class _Ears:
    """What every receiver has heard of every alert and incident so far."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._read = 0
        self.goes_on: dict[tuple[str, str], bool] = {}
        # What was said to the receiver ``all`` of everything that goes on: of what, and how urgent it is.
        self.said: dict[str, tuple[Wanted, Priority]] = {}

    def listen(self, named: dict[str, ReceiverSettings | MessengerSettings]) -> list[tuple[str, str]]:
        """Hear what was written since the last call, when these were told; of each message to whom, and about what."""
        with reading(self._state) as connection:
            query = "SELECT id, receiver, subject_id, type, body FROM outbox WHERE id > ? ORDER BY id"
            rows = connection.execute(query, (self._read,)).fetchall()
        heard: dict[str, set[str]] = defaultdict(set)
        for self._read, receiver, subject, type_, _ in rows:
            self._hear(receiver, subject, type_.partition(".")[2])
            heard[receiver].add(subject)
            assert receiver in named
        for _, receiver, subject, type_, body in rows:
            class_, _, what = type_.partition(".")
            if receiver == "all" and what in _BEGINNINGS:
                priority = Priority(json.loads(body)["data"]["priority"])
                self.said[subject] = Wanted(class_), priority
                for name, one in named.items():
                    if one.events in {class_, Wanted.ALL} and priority.rank >= one.minimum_priority.rank:
                        assert subject in heard[name], f"{name} is told of what is as urgent as it wants"
        return [(receiver, subject) for _, receiver, subject, _, _ in rows]

    def _hear(self, receiver: str, subject: str, what: str) -> None:
        goes_on = self.goes_on.get((receiver, subject))
        if what == "opened":
            assert goes_on is None, "once"
        else:
            assert goes_on is not None, "nothing comes before an opening"
        if what == "closed":
            assert goes_on, "one end for one beginning"
        if what != "acknowledged":
            self.goes_on[receiver, subject] = what != "closed"


class _Changing(History):
    """A history in which the settings change, and the process that keeps alarms begins anew."""

    def __init__(self, room: ControlRoom, on_delay_s: float) -> None:
        super().__init__(room, on_delay_s)
        self.ears = _Ears(room.state)
        self.named: dict[str, ReceiverSettings | MessengerSettings] = {_ALL.name: _ALL}
        self.choose(0)

    def choose(self, number: int, killed: int | None = None) -> None:
        """Begin anew with other receivers, after one who was ``killed`` before he had told anybody what went on."""
        self.ears.listen(self.named)
        if killed is not None:
            self._begin(killed)
            self.do("open", 2)
            self.wait(5)
            self.ears.listen(self.named)
        self._begin(number)
        knew = {each for each, goes_on in self.ears.goes_on.items() if goes_on}
        self.room.steps.tell_newly_wanted()
        assert knew.isdisjoint(self.ears.listen(self.named)), "that is no news to whom it was told"
        self.check()
        self._begin(number)
        with self.room.steps.step():
            pass
        self.room.steps.tell_newly_wanted()
        assert not self.ears.listen(self.named), "who begins once more tells nothing"

    def _begin(self, number: int) -> None:
        told = (_ALL, *_TOLD[number])
        receivers = tuple(one for one in told if isinstance(one, ReceiverSettings))
        messengers = tuple(one for one in told if isinstance(one, MessengerSettings))
        chosen = load_settings(None, alarms=self.room.settings.alarms, receivers=receivers, messengers=messengers)
        self.room.steps.close()
        steps = open_steps(self.room.state, chosen, self.room.clock)
        self.room = replace(self.room, settings=chosen, steps=steps)
        self.named = {one.name: one for one in told}
        steps.begin()

    def close(self) -> None:
        super().close()
        self.room.steps.close()

    def check(self) -> None:
        self.room.steps.settle()
        self.ears.listen(self.named)
        over = {each.id for each in self.room.reader.incidents() if each.state is IncidentState.CLOSED}
        with reading(self.room.state) as connection:
            over |= {row[0] for row in connection.execute("SELECT alert_id FROM activations WHERE NOT open")}
        for (receiver, subject), goes_on in self.ears.goes_on.items():
            assert not (goes_on and subject in over and receiver in self.named), "who is told now knows of all ends"
        self._check_all_know_what_goes_on()
        self.room.steps.settle()
        assert not self.ears.listen(self.named), "an end is told once"
        assert not {receiver for receiver, _ in self.room.steps.look(owed_ends)} & self.named.keys(), "all are told"

    def _check_all_know_what_goes_on(self) -> None:
        """Whoever wants to hear of what goes on under no cover, and finds it urgent, knows of it."""
        if self._is_covered():
            return
        going_on = {each: self.ears.said[each] for each in self.open if each in self.ears.said}
        for incident in self.room.reader.incidents():
            if going_on.keys() & set(self.room.reader.members(incident.id)):
                going_on[incident.id] = Wanted.INCIDENT, incident.priority
        for subject, (class_, priority) in going_on.items():
            for name, one in self.named.items():
                if one.events in {class_, Wanted.ALL} and priority.rank >= one.minimum_priority.rank:
                    assert self.ears.goes_on.get((name, subject)), f"{name} is told of what goes on"


# Every step is on the disk: a history that fails is not made shorter, which would take minutes.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.reuse, Phase.generate],
)
@given(RULES, STEPS, _CHANGES)
def test_who_hears_of_something_hears_its_end_and_nobody_else_does(
    rules: KindSettings, steps: list[tuple[int, str, int]], changes: list[tuple[int, tuple[int, int | None]]]
) -> None:
    alarms = AlarmSettings(kinds={AlertKind.NO_BEAM: rules}, incident_gap_s=10, incident_span_s=20, incident_quiet_s=3)
    choices = dict(changes)
    with tempfile.TemporaryDirectory() as folder, control_room(Path(folder), alarms) as room, ExitStack() as stack:
        history = stack.enter_context(closing(_Changing(room, rules.on_delay_s or 0.0)))
        for place, (wait, name, number) in enumerate(steps):
            if place in choices:
                history.choose(*choices[place])
            history.wait(wait)
            history.do(name, number)
            history.check()
        while history.open:
            history.do("close", 0)
        history.wait(60)
        history.choose(0)
        history.check()
