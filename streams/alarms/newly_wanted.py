"""What goes on, for those who want to hear of it since the settings changed: the most urgent of it, each thing once."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from connectors.control_room.incident_rows import store_incident, worst_alerts
from connectors.control_room.notes import generation_of
from connectors.control_room.outbox import OutboxMessage
from connectors.control_room.told_subjects import what_goes_on, who_knows
from connectors.webhooks.settings import Wanted
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.priority import Priority
from streams.alarms.raised_priorities import raise_priorities
from streams.alarms.step_rules import StepRules
from streams.telling.announcing import Announcer
from streams.telling.listeners import Listener
from streams.telling.summary import summary_message

#: So much of what goes on is told to somebody one by one; of the rest, how much it is.
MOST_TOLD = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """An alert or incident that goes on, as it is told to those who hear of it only now.

    Attributes
    ----------
    was
        How urgent an incident was by the rules of before; None of an alert, whose priority any rules say.
    seen
        Somebody has acknowledged it.
    knows
        Who was told of it: True, and not of its end.
    """

    announcement: Announcement
    was: Priority | None = None
    seen: bool
    knows: Mapping[str, bool]

    def priority(self, rules: StepRules) -> Priority:
        """How soon somebody has to look at it."""
        alert, incident = self.announcement.alert, self.announcement.incident
        if alert is not None:
            return rules.priority(alert)
        return Priority.LOW if incident is None else incident.priority

    def is_new_for(self, name: str, before: Iterable[StepRules], now: StepRules) -> bool:
        """Whether he is told of it by the rules of now, was not by all those of before, and does not know of it."""
        if self.knows.get(name) or not self._is_for(name, now, self.priority(now)):
            return False
        return not all(self._is_for(name, rules, self.was or self.priority(rules)) for rules in before)

    def _is_for(self, name: str, rules: StepRules, urgency: Priority) -> bool:
        """Whether somebody is told of the beginning of what is so urgent."""
        class_ = Wanted.INCIDENT if self.announcement.alert is None else Wanted.ALERT
        return any(one.name == name and one.wants(class_) and one.finds_urgent(urgency) for one in rules.told)

    def place(self, rules: StepRules) -> tuple[int, bool, bool, int, str]:
        """What comes first is told first: what is urgent, incidents, what nobody has seen, what is new."""
        one = self.announcement.alert or self.announcement.incident
        first_ns = 0 if one is None else one.first_shot_ns
        is_alert = self.announcement.alert is not None
        return -self.priority(rules).rank, is_alert, self.seen, -first_ns, self.announcement.subject_id


def newly_wanted(
    connection: sqlite3.Connection,
    before: Sequence[StepRules],
    now: StepRules,
    *,
    announcer: Callable[[Listener], Announcer],
    now_ns: int,
) -> list[OutboxMessage]:
    """The messages for those who are told of more by these rules than by those of before, inside a step.

    Of what goes on and is not covered each is told what he would not have been told of before, and does not know. What
    goes on is as urgent from now on as the rules of now say.
    """
    priorities = raise_priorities(connection, now)
    subjects = sorted(_going_on(connection, priorities, now_ns), key=lambda each: each.place(now))
    generation = generation_of(connection)
    messages: list[OutboxMessage] = []
    for one in now.told:
        new = [each for each in subjects if each.is_new_for(one.name, before, now)]
        chosen, left = [each.announcement for each in new[:MOST_TOLD]], new[MOST_TOLD:]
        messages += announcer(one).messages(
            chosen, now_ns, generation=generation, who_knows=partial(who_knows, connection)
        )
        messages += _summary(one, left, now, generation, now_ns)
    _count_up(connection, subjects, {message.subject_id for message in messages})
    return messages


def _summary(
    one: Listener, left: Sequence[_Subject], rules: StepRules, generation: str, now_ns: int
) -> Iterator[OutboxMessage]:
    if left:
        alerts = sum(each.announcement.alert is not None for each in left)
        yield summary_message(
            one,
            alerts=alerts,
            incidents=len(left) - alerts,
            priority=left[0].priority(rules),
            links=rules.links,
            generation=generation,
            now_ns=now_ns,
        )


def _count_up(connection: sqlite3.Connection, subjects: Iterable[_Subject], told: Collection[str]) -> None:
    """Write down that these incidents were announced once more: the next message has another id."""
    for each in subjects:
        incident = each.announcement.incident
        if each.announcement.alert is None and incident is not None and incident.id in told:
            store_incident(connection, incident)


def _going_on(connection: sqlite3.Connection, were: Mapping[str, Priority], now_ns: int) -> Iterator[_Subject]:
    """All of it; ``were``: how urgent the incidents that have risen were before."""
    activations, incidents = what_goes_on(connection)
    by_id = {each.id: each for each in incidents}
    worst = worst_alerts(connection, by_id)
    for each in incidents:
        incident = replace(each, revision=each.revision + 1)
        announcement = Announcement(
            change=AnnouncedChange.INCIDENT_UPDATED,
            at_ns=now_ns,
            incident=incident,
            worst=worst.get(each.id),
            number=incident.revision,
        )
        yield _Subject(
            announcement=announcement,
            was=were.get(each.id, each.priority),
            seen=each.is_acknowledged,
            knows=who_knows(connection, each.id),
        )
    for activation in activations:
        announcement = Announcement(
            change=AnnouncedChange.ALERT_OPENED,
            at_ns=now_ns,
            alert=activation.alert,
            incident=by_id[activation.incident_id],
        )
        yield _Subject(
            announcement=announcement,
            seen=activation.acknowledged_ns is not None,
            knows=who_knows(connection, activation.alert.id),
        )
