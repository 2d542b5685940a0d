"""What changes, told to browsers as it happens: one thread looks, however many browsers follow.

A browser that follows is told that something is new, and asks for what it shows; so nothing is lost when it was away.
Events: ``status`` (each second: the time, unacknowledged incidents, the age of the data), ``incidents`` (somebody or
something decided), ``state`` (the watch wrote), ``replays`` (one began, ended or came further), ``frames`` (the live
board shows something new), ``end`` (it is over, with the reason).
"""

import asyncio
import json
import math
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.incident_search import IncidentQuestion
from connectors.control_room.rooms import ControlRooms
from connectors.live_board import LiveBoardReader
from connectors.sqlite_file import connect
from connectors.state.database import DATABASE_NAME, missing_state
from models.alarms.put_aside import AsideCause
from models.errors import PetawatchError, RetryableError
from streams.console.problems import sentence_of

_LOOK_EVERY_S = 0.05
# The disks of other control rooms are asked first, on a thread each. What they tell is seen within a second, as all is:
# of that a quarter may be lost here.
_LOOK_AT_OTHERS_EVERY_S = 0.25
# What comes many times a second is told at most so often; the first of it at once.
_TELL_EVERY_S = {"frames": 0.5, "state": 0.5, "status": 1.0}
_MOST_FOLLOWERS = 200
# So that one user, or all who have not signed in, leave room for others.
_MOST_OF_ONE = 100
# Incidents that are counted; with more the strip says so.
MOST_COUNTED = 1000
_MS_NS = 1_000_000
# One look takes some milliseconds, where no disk hangs.
_ENDING_S = 2.0


def _say_nothing(_: str) -> None:
    """Where nobody listens."""


class Follower:
    """One browser's share: of each event only the latest waits, so that a slow one is told less, and never behind."""

    def __init__(self, who: str) -> None:
        self.who = who
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, str] = {}
        self._woken = asyncio.Event()
        self.ended = False

    def offer(self, event: str, data: str) -> None:
        """Tell it, from any thread."""
        with suppress(RuntimeError):  # its loop has ended: nobody listens
            self._loop.call_soon_threadsafe(self._take, event, data)

    def end(self, reason: str) -> None:
        """Tell it that this is all, from any thread."""
        self.offer("end", json.dumps({"reason": reason}))

    async def next(self, within_s: float) -> list[tuple[str, str]]:
        """What is new, as soon as there is something; nothing after ``within_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._woken.wait()
        self._woken.clear()
        waiting, self._waiting = self._waiting, {}
        return list(waiting.items())

    def _take(self, event: str, data: str) -> None:
        self._waiting[event] = data
        self.ended |= event == "end"
        self._woken.set()


class EventHub:
    """Looks after changes and tells those who follow; for any threads.

    Parameters
    ----------
    board
        Of this state directory.
    control_room
        Whose incidents are counted, and looked after.
    """

    def __init__(self, state: Path, board: LiveBoardReader, control_room: ControlRooms, clock: Clock) -> None:
        self._clock = clock
        self._board = board
        self._control_room = control_room
        own, *others = control_room.places
        self._own_room = _DatabaseChanges(own / DECISIONS_NAME)
        self._other_rooms = [(place, _DatabaseChanges(place / DECISIONS_NAME)) for place in others]
        self._other_rooms_s = float("-inf")
        self._place = state
        self._state = _DatabaseChanges(state / DATABASE_NAME)
        self._signs: list[tuple[str, Callable[[], bool]]] = [("state", self._state.changed)]
        self._lock = threading.Lock()
        self._followers: set[Follower] = set()
        self._told_s: dict[str, float] = {}
        self._untold: set[str] = set()
        self._newest = 0
        self._incidents: dict[str, Any] | None = None
        # When the first shelving ends of those that were counted, by the clock: then they are counted anew.
        self._counts_until_ns: float = math.inf
        self._say: Callable[[str], object] = _say_nothing
        self._fails = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-events", daemon=True)

    def look_after(self, event: str, changed: Callable[[], bool]) -> None:
        """Before the start: tell an event, too, whenever ``changed`` says so; it is asked often, from one thread."""
        self._signs.append((event, changed))

    def start(self, say: Callable[[str], object] = _say_nothing) -> None:
        """Begin to look; ``say`` gets a sentence when it fails."""
        self._say = say
        self._thread.start()

    def close(self) -> None:
        """Look no more; whoever follows is told."""
        self.end_all("the console ends")
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_ENDING_S)
        if self._thread.is_alive():  # on a disk that hangs: with the process
            return
        for database in (self._state, self._own_room, *(room for _, room in self._other_rooms)):
            database.close()

    def follow(self, who: str) -> Follower:
        """One more browser of somebody, in whose loop this is called.

        Raises
        ------
        RetryableError
            ``too_many_followers``.
        """
        with self._lock:
            if len(self._followers) >= _MOST_FOLLOWERS:
                raise RetryableError(
                    f"{_MOST_FOLLOWERS} windows show this console already; close some", reason="too_many_followers"
                )
            if sum(1 for follower in self._followers if follower.who == who) >= _MOST_OF_ONE:
                raise RetryableError(
                    f"{who} looks at this console in {_MOST_OF_ONE} windows already; close some",
                    reason="too_many_followers",
                )
            follower = Follower(who)
            self._followers.add(follower)
            # The next look tells it how things stand.
            self._told_s.pop("status", None)
        return follower

    def leave(self, follower: Follower) -> None:
        """It follows no more."""
        with self._lock:
            self._followers.discard(follower)

    def end_all(self, reason: str) -> None:
        """Tell all that this is all."""
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.end(reason)

    def look(self) -> None:
        """Find out what has changed, and tell it."""
        now_s = self._clock.monotonic_s()
        if self._own_room.changed():
            self._untold.add("incidents")
        if now_s - self._other_rooms_s >= _LOOK_AT_OTHERS_EVERY_S:
            self._look_at_other_rooms()
            self._other_rooms_s = now_s
        for event, changed in self._signs:
            if changed():
                self._untold.add(event)
        if self._clock.now_ns() >= self._counts_until_ns:
            self._untold.add("incidents")
        if self._incidents is None or "incidents" in self._untold:
            self._incidents = self._counted()
            self._untold.add("status")
        newest = max((reading.number for reading in self._board.frames_since(self._newest)), default=self._newest)
        if newest != self._newest:
            self._newest = newest
            self._untold.add("frames")
        if now_s - self._told_s.get("status", float("-inf")) >= _TELL_EVERY_S["status"]:
            self._untold.add("status")
        decided = "incidents" in self._untold  # that is counted at once
        for event in sorted(self._untold):
            at_once = decided and event == "status"
            if at_once or now_s - self._told_s.get(event, float("-inf")) >= _TELL_EVERY_S.get(event, 0.0):
                self._tell(event, self._data(event))
                self._told_s[event] = now_s
                self._untold.discard(event)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            if self._followers:
                self._look_again()

    def _look_again(self) -> None:
        """After one that fails the next one is made, or no window would hear of anything any more."""
        try:
            self.look()
        except Exception as error:  # noqa: BLE001 - told; what is behind it may be over soon
            if not self._fails:
                why = f"{type(error).__name__}: {error}"
                self._say(f"windows of the console can't be told what changes ({why}); it is tried again and again")
            self._fails = True
        else:
            self._fails = False

    def _look_at_other_rooms(self) -> None:
        hanging = self._control_room.hanging()
        for place, database in self._other_rooms:
            if database.changed(hangs=place in hanging):
                self._untold.add("incidents")

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        text = json.dumps(data, allow_nan=False)
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.offer(event, text)

    def _data(self, event: str) -> dict[str, Any]:
        if event == "frames":
            return {"number": self._newest}
        if event != "status":
            return {}
        readings = self._board.readings()
        missing = missing_state(self._place)
        return {
            "no_state": "" if missing is None else sentence_of(missing),
            "now_ms": self._clock.now_ns() // _MS_NS,
            "newest_ms": max((reading.event_time_ns for reading in readings), default=0) // _MS_NS,
            "devices": len(readings),
            "incidents": self._incidents,
        }

    def _counted(self) -> dict[str, Any]:
        """Unacknowledged incidents, by priority, and whether some can't be read; or why none are known.

        Those that people have put aside are counted apart, by how, as on the wall.
        """
        self._counts_until_ns = math.inf
        rooms = self._control_room.for_one_answer()
        try:
            found = rooms.incidents(IncidentQuestion(unacknowledged=True), limit=MOST_COUNTED)
            aside = rooms.put_aside(found, self._clock.now_ns())
        except PetawatchError as error:
            return {"failure": str(error)}
        ends = [each.until_ns for each in aside.values() if each.until_ns is not None]
        self._counts_until_ns = min(ends, default=math.inf)
        calm = Counter(each.cause for each in aside.values() if each.is_whole)
        left = {incident_id: each.left for incident_id, each in aside.items()}
        urgent = Counter(left.get(each.id, each.priority) for each in found)
        return {
            "unacknowledged": len(found) - calm.total(),
            "put_aside": {cause.value: calm[cause] for cause in AsideCause},
            "unread": bool(rooms.troubles()),
            **{priority.value: count for priority, count in urgent.items() if priority is not None},
        }


class _DatabaseChanges:
    """Whether somebody has written a SQLite file since the last look; one that comes, goes or is replaced counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, int, int] | None = None

    def changed(self, *, hangs: bool = False) -> bool:
        """Since the last call; what can't be looked into, or is on a disk that hangs, counts as gone."""
        seen = None if hangs else self._look()
        before, self._seen = self._seen, seen
        return seen != before

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            self.close()
            return None
        if self._seen is None or self._seen[:2] != (found.st_dev, found.st_ino):
            self.close()
        try:
            if self._connection is None:
                self._connection = connect(self._path, "mode=ro")
            with closing(self._connection.execute("PRAGMA data_version")) as rows:
                return found.st_dev, found.st_ino, int(rows.fetchone()[0])
        except sqlite3.Error:
            self.close()
            return None  # another connection counts anew: its number may be the one that was seen
