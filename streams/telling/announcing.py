"""From what happens to alerts and incidents to the messages for everybody who wants to hear of it."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from connectors.control_room.outbox import OutboxMessage
from connectors.evidence_store import EvidenceLink
from connectors.links import alert_link, incident_link
from connectors.webhooks.message_body import event_id_of, type_of, webhook_body
from connectors.webhooks.settings import Wanted
from dashboards.announcement_text import announcement_text
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind
from streams.telling.listeners import Listener

_NO_EVIDENCE: tuple[EvidenceLink, ...] = ()


class Announcer:
    """Makes messages of announcements: the same ones for the same announcements, so that a step may be done again.

    Parameters
    ----------
    told
        The receivers and messengers.
    links
        ``links.address``.
    evidence
        The pictures of an alert.
    guidance
        What to check and whom to call, by the kind of an alert.
    priority
        How soon somebody has to look at an alert.
    """

    def __init__(
        self,
        told: Iterable[Listener],
        *,
        links: str = "",
        evidence: Callable[[str], Sequence[EvidenceLink]] = lambda _: _NO_EVIDENCE,
        guidance: Callable[[AlertKind], str] = lambda _: "",
        priority: Callable[[Alert], Priority] = lambda alert: Priority.of_severity(alert.severity),
    ) -> None:
        self._told = tuple(told)
        self._links = links
        self._evidence = evidence
        self._guidance = guidance
        self._priority = priority

    def messages(
        self,
        announcements: Iterable[Announcement],
        now_ns: int,
        *,
        generation: str,
        who_knows: Callable[[str], Mapping[str, bool]],
    ) -> list[OutboxMessage]:
        """The messages, each announcement's for all who are told before the next one's.

        Parameters
        ----------
        generation
            Of the decisions that it is about.
        who_knows
            By the id of an alert or incident, who was told of it before: True, and not of its end.
        """
        known: dict[str, dict[str, bool]] = {}
        messages: list[OutboxMessage] = []
        for announcement in announcements:
            subject_id = announcement.subject_id
            knows = known.setdefault(subject_id, dict(who_knows(subject_id)))
            messages += self._of(announcement, knows, now_ns, generation)
        return messages

    def _of(
        self, announcement: Announcement, knows: dict[str, bool], now_ns: int, generation: str
    ) -> Iterable[OutboxMessage]:
        """The messages of one announcement; ``knows`` is brought to what is known after it."""
        bodies: dict[tuple[bool, AnnouncedChange], bytes] = {}
        class_, priority = _class_of(announcement), self._priority_of(announcement)
        for one in self._told:
            told = announcement.as_told(
                wanted=one.wants(class_),
                urgent=one.finds_urgent(priority),
                goes_on=knows.get(one.name),
            )
            if told is None:
                continue
            if told.change is not AnnouncedChange.ACKNOWLEDGED:
                knows[one.name] = not told.change.is_end
            if (one.reads, told.change) not in bodies:
                body = self._text(told) if one.reads else self._webhook(told, now_ns, generation)
                bodies[one.reads, told.change] = body
            yield OutboxMessage(
                receiver=one.name,
                subject_id=told.subject_id,
                event_id=event_id_of(told, generation),
                type=type_of(told),
                body=bodies[one.reads, told.change],
                created_ns=now_ns,
            )

    def _priority_of(self, announcement: Announcement) -> Priority:
        """Of an incident its own."""
        if announcement.alert is not None:
            return self._priority(announcement.alert)
        return Priority.LOW if announcement.incident is None else announcement.incident.priority

    def _webhook(self, announcement: Announcement, now_ns: int, generation: str) -> bytes:
        alert = announcement.alert
        evidence = _NO_EVIDENCE if alert is None else self._evidence(alert.id)
        priority = self._priority_of(announcement)
        return webhook_body(
            announcement, priority, generation=generation, now_ns=now_ns, evidence=evidence, links=self._links
        )

    def _text(self, announcement: Announcement) -> bytes:
        link_of = incident_link if announcement.alert is None else alert_link
        text = announcement_text(
            announcement,
            priority=self._priority_of(announcement),
            guidance=self._guidance(_kind(announcement)),
            link=link_of(self._links, announcement.subject_id),
        )
        return json.dumps(text._asdict()).encode()


def _class_of(announcement: Announcement) -> Wanted:
    return Wanted.INCIDENT if announcement.alert is None else Wanted.ALERT


def _kind(announcement: Announcement) -> AlertKind:
    if announcement.alert is not None:
        return announcement.alert.kind
    if announcement.worst is not None:
        return announcement.worst.kind
    if announcement.incident is None or not announcement.incident.kinds:
        raise ValueError("an incident has at least one kind")
    return announcement.incident.kinds[0]
