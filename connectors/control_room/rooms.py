"""The control rooms of an installation as one: that of the watch, and those of parts that keep their own alarms."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from connectors.control_room.incident_search import EVERY_INCIDENT, IncidentQuestion
from connectors.control_room.other_room import OtherRoom, lost_its_decisions
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.receipts import Receipt, ReceiptReader
from connectors.control_room.room_entries import OWN_ROOM
from models.alarms.alarm import Activation, Alarm
from models.alarms.incident import Incident, IncidentState
from models.alarms.life_cycle import UNSEEN, AlarmState
from models.alarms.put_aside import PutAside, put_aside
from models.alarms.suppression import Suppression
from models.alerts.alert import Alert, AlertKind
from models.errors import PetawatchError, RetryableError

Result = TypeVar("Result")


class ControlRooms:
    """Looks into all of them at once; ids are computed, so that each leads to whoever keeps what it stands for.

    Methods do as those of ``ControlRoomReader``; what only the watch's own has, maintenance for instance, comes from
    there. Of others that can't be read, or whose disk hangs, nothing is listed: ``for_one_answer`` tells of that.

    Parameters
    ----------
    state
        The state directory of the watch.
    others
        State directories of those that keep their own alarms, of different names; each may come and go.

    Raises
    ------
    FatalError, RetryableError
        By every method: the watch's own room can't be read; by those that look up an id: none that can be read knows
        it, and another one can't be.
    """

    def __init__(self, state: Path, others: Iterable[Path] = ()) -> None:
        self._own = ControlRoomReader(state)
        self._others = [OtherRoom(other, state) for other in others]

    @property
    def places(self) -> list[Path]:
        """The state directories, whether or not there is one: first the watch's own."""
        return [self._own.state, *(room.state for room in self._others)]

    @property
    def names(self) -> list[str]:
        """What the rooms at ``places`` are called: ``own``, and the others by their folders."""
        return [self.name_of(place) for place in self.places]

    def name_of(self, place: Path) -> str:
        """What the room at one of ``places`` is called."""
        return OWN_ROOM if place == self._own.state else place.name

    def for_one_answer(self) -> "AskedRooms":
        """The same rooms for one answer, made of one or more questions, that says what it lacks."""
        return AskedRooms(self._own, self._others)

    def look(self, ask: Callable[[ControlRoomReader], Result]) -> tuple[list[Result], list[str]]:
        """What each answers that can be read, first the watch's own; and why others can't, one sentence each."""
        answers, troubles = [ask(self._own)], list[str]()
        for place, answer in self._of_others(ask):
            if isinstance(answer, PetawatchError):
                troubles.append(trouble_with(place, answer))
            else:
                answers.append(answer)
        return answers, troubles

    def each(self, ask: Callable[[ControlRoomReader], Result]) -> Iterator[tuple[Path, Result | PetawatchError]]:
        """What each of those that there are answers, or why it can't; first the watch's own."""
        answer: Result | PetawatchError
        try:
            answer = ask(self._own)
        except PetawatchError as error:
            answer = error
        yield self._own.state, answer
        yield from self._of_others(ask)

    def hanging(self) -> list[Path]:
        """Those of ``places`` whose disk hangs: nobody should look there just now."""
        return [place for place, answer in self._of_others(lambda _: None) if answer is not None]

    def without_decisions(self) -> list[Path]:
        """Those of ``places`` with a state and no decisions: they were removed, or alarms were never kept there."""
        found = [self._own.state] if lost_its_decisions(self._own) else []
        for other in self._others:
            with suppress(RetryableError):  # its disk hangs: told by whoever asks it
                found += [other.state] if other.has_lost_its_decisions() else []
        return found

    def places_of(self, subject_id: str) -> tuple[list[Path], list[tuple[Path, PetawatchError]]]:
        """Where an incident, an alarm or an alert is kept; the watch's own state directory when nobody knows it.

        Returns
        -------
        list[Path]
            At least one; more only of an alarm about no stage: of a receiver that takes no messages of either.
        list
            Where such an alarm may be kept, too, and why that can't be read.
        """
        unread: list[tuple[Path, PetawatchError]] = []
        found: list[Path] = []
        alarms: list[Alarm | None] = []
        for place, answer in self.each(lambda room: (room.knows(subject_id), room.alarm(subject_id))):
            if isinstance(answer, PetawatchError):
                unread.append((place, answer))
            elif answer[0]:
                found.append(place)
                alarms.append(answer[1])
        if not found and unread:
            raise unread[0][1]
        in_several = any(alarm is not None and not alarm.stage.name for alarm in alarms)
        return found or [self._own.state], unread if in_several else []

    def beginning_with(self, beginning: str) -> list[str]:
        """The ids of alarms, incidents and alerts that begin so, sorted, each once.

        While a room can't be read others may begin so, too: only a whole id is one, and all else fails.
        """
        trouble: PetawatchError | None = None
        found: set[str] = set()
        for _, answer in self.each(lambda room: room.beginning_with(beginning)):
            if isinstance(answer, PetawatchError):
                trouble = trouble or answer
            else:
                found.update(answer)
        if trouble is None or beginning in found:
            return sorted(found)
        if not found:
            raise trouble
        raise type(trouble)(
            f"{trouble}; ids there may begin with {beginning!r}, too: write whole ids", reason=trouble.reason
        )

    def place_of(self, subject_id: str) -> Path:
        """The first of ``places_of``: of what is kept in one place, that one."""
        return self.places_of(subject_id)[0][0]

    def incidents(
        self, question: IncidentQuestion = EVERY_INCIDENT, *, after: str | None = None, limit: int = 100
    ) -> list[Incident]:
        """Incidents, the latest first shot first; ``after``: the id of the last one of the page before."""
        behind: tuple[int, str] | None = None
        if after is not None:
            last = self.incident(after)
            if last is None:
                return []
            behind = last.first_shot_ns, last.id
        found = self._merged(lambda room: room.incidents(question, behind=behind, limit=limit))
        return _latest_first(found)[:limit]

    def most_urgent(self, limit: int) -> tuple[list[Incident], int]:
        """The most urgent incidents, in the order of ``ControlRoomReader``, and how many there are beyond."""
        answers = self._answers(lambda room: room.most_urgent(limit))
        found = sorted(_latest_first(each for part, _ in answers for each in part), key=_urgency)
        beyond = sum(more for _, more in answers) + max(len(found) - limit, 0)
        return found[:limit], beyond

    def incident(self, incident_id: str) -> Incident | None:
        """One incident; None when there is none."""
        return self._first(lambda room: room.incident(incident_id))

    def members(self, incident_id: str) -> list[str]:
        """The ids of the alerts of an incident, by first shot."""
        return self._first(lambda room: room.members(incident_id)) or []

    def activations(self, incident_id: str, *, limit: int = -1) -> list[Activation]:
        """The alerts of an incident with what is known of them, by first shot."""
        return self._first(lambda room: room.activations(incident_id, limit=limit)) or []

    def activation(self, alert_id: str) -> Activation | None:
        """What is known of an alert; None when nothing is."""
        return self._first(lambda room: room.activation(alert_id))

    def worst_alerts(self, incidents: Iterable[Incident]) -> dict[str, Alert]:
        """The alert that each incident is headed by, by the incident's id."""
        asked = list(incidents)
        return dict(self._merged(lambda room: room.worst_alerts(asked).items()))

    def worst_alerts_of_stages(self, incidents: Iterable[Incident], now_ns: int) -> dict[str, list[Alert]]:
        """For each stage of each incident the alert that the incident is headed by there, by the incident's id."""
        asked = list(incidents)
        return dict(self._merged(lambda room: room.worst_alerts_of_stages(asked, now_ns).items()))

    def unseen_alarms(self, incidents: Iterable[Incident]) -> dict[str, list[Alarm]]:
        """Of each incident the alarms with something in it that was announced and that nobody has acknowledged."""
        asked = list(incidents)
        return dict(self._merged(lambda room: room.unseen_alarms(asked).items()))

    def put_aside(self, incidents: Iterable[Incident], now_ns: int) -> dict[str, PutAside]:
        """What people have put aside of each incident, by its id; without those of which they have nothing."""
        unseen = self.unseen_alarms(incidents)
        found = {incident_id: put_aside(alarms, now_ns) for incident_id, alarms in unseen.items()}
        return {incident_id: aside for incident_id, aside in found.items() if aside is not None}

    def overdue(self, now_ns: int) -> int:
        """Of how many alarms something is over by the clock that their keepers have not seen to yet."""
        return sum(self._answers(lambda room: room.overdue(now_ns)))

    def latest_announcements(self, incident_ids: Iterable[str]) -> dict[str, int]:
        """When something of each incident was announced last; without those of which nothing was."""
        asked = list(incident_ids)
        return dict(self._merged(lambda room: room.latest_announcements(asked).items()))

    def alarms(self, *, states: Iterable[AlarmState] | None = None, kind: AlertKind | None = None) -> list[Alarm]:
        """Alarms by their ids; one that several keep comes once, as it most wants a person."""
        asked = None if states is None else list(states)
        return one_each(self._merged(lambda room: room.alarms(states=asked, kind=kind)))

    def alarm(self, alarm_id: str) -> Alarm | None:
        """One alarm, as it most wants a person; None when there is none."""
        places, _ = self.places_of(alarm_id)
        found = [alarm for place in places if (alarm := ControlRoomReader(place).alarm(alarm_id))]
        return max(found, key=_wants_a_person, default=None)

    def receipts_of(self, subject_ids: Sequence[str]) -> list[Receipt]:
        """Who was told of these alerts and incidents, in the order in which they were."""
        found = self._merged(lambda room: ReceiptReader(room.state).of_subjects(subject_ids))
        return sorted(found, key=lambda receipt: receipt.delivered_ns)

    def maintenance(self, *, past: bool = False, limit: int = 100) -> list[Suppression]:
        """Stages under maintenance, the latest first: stages are the watch's own."""
        return self._own.maintenance(past=past, limit=limit)

    def idle_stages(self) -> list[Suppression]:
        """Stages that are idle."""
        return self._own.idle_stages()

    def change_number(self) -> tuple[int, ...]:
        """Another one after every step in any room, and when one comes or goes."""
        return tuple(self._answers(lambda room: room.change_number()))

    def _of_others(self, ask: Callable[[ControlRoomReader], Result]) -> Iterator[tuple[Path, Result | PetawatchError]]:
        """What each of the others that there are answers, or why it can't."""
        for other in self._others:
            answer: Result | PetawatchError
            try:
                room = other.reader()
                if room is None:
                    continue
                answer = ask(room)
            except PetawatchError as error:
                answer = error
            yield other.state, answer

    def _answers(self, ask: Callable[[ControlRoomReader], Result]) -> list[Result]:
        """Of all that can be read."""
        return self.look(ask)[0]

    def _merged(self, ask: Callable[[ControlRoomReader], Iterable[Result]]) -> list[Result]:
        return [each for answer in self._answers(ask) for each in answer]

    def _first(self, ask: Callable[[ControlRoomReader], Result | None]) -> Result | None:
        """What the first room answers that knows something."""
        trouble: PetawatchError | None = None
        for _, answer in self.each(ask):
            if isinstance(answer, PetawatchError):
                trouble = trouble or answer
            elif answer:
                return answer
        if trouble is not None:
            raise trouble
        return None


class AskedRooms(ControlRooms):
    """For one answer, and one thread: keeps why any of its questions was not answered by all.

    Asked by themselves, before or after, the others may be in another state, or only the part that is asked.
    """

    def __init__(self, own: ControlRoomReader, others: list[OtherRoom]) -> None:
        self._own = own
        self._others = others
        self._troubles: dict[str, None] = {}

    def look(self, ask: Callable[[ControlRoomReader], Result]) -> tuple[list[Result], list[str]]:
        """As that of ``ControlRooms``."""
        answers, troubles = super().look(ask)
        self._troubles.update(dict.fromkeys(troubles))
        return answers, troubles

    def troubles(self) -> list[str]:
        """Why something was missing of what was asked so far, one sentence each."""
        return list(self._troubles)


def trouble_with(place: Path, error: PetawatchError) -> str:
    """The sentence about a room that can't be read."""
    return f"What {place} keeps is missing here: {error}."


def one_each(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Alarms of several rooms by their ids; one that several keep comes once, as it most wants a person."""
    calmest_first = sorted(alarms, key=lambda alarm: (alarm.id, _wants_a_person(alarm)))
    return list({alarm.id: alarm for alarm in calmest_first}.values())


def _latest_first(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda each: (each.first_shot_ns, each.id), reverse=True)


def _urgency(incident: Incident) -> tuple[bool, bool, int]:
    return incident.acknowledged_ns is not None, incident.state is not IncidentState.OPEN, -incident.priority.rank


def _wants_a_person(alarm: Alarm) -> tuple[bool, bool]:
    return alarm.state in UNSEEN, alarm.life.is_active
