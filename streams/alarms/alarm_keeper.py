"""Keeps alarms beside a watch: what commits say becomes steps of alarms and incidents, and messages; delays run off."""

import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from connectors.clock import Clock
from connectors.control_room.alarm_rows import open_alert_ids
from connectors.control_room.suppression_rows import find_suppressions
from connectors.state.alarm_feed import AlarmFeed, FeedEntry, StageActivity
from models.alarms.suppression import Cause
from models.devices import Stage
from models.errors import RetryableError
from models.event_time import DAY_NS, SECOND_NS
from streams.alarms.alarm_steps import AlarmSteps, open_steps
from streams.settings import Settings

# What comes within so short a time is one transaction: a storm of alerts costs few of them.
_BATCH = 1000
# How often is looked whether others have made steps, and whether something is due.
_LOOK_S = 0.2
_RETRY_S = 1.0
_STOP_S = 10.0


class AlarmKeeper:
    """A thread that takes a state directory's feed of alerts into its decisions.

    Each batch is one transaction there, and is removed from the feed afterwards. When it is killed in between, it takes
    the same entries again, which changes nothing: how an alert stands is noted with its alarm.

    Parameters
    ----------
    on_step
        Called after each step, one's own and those of other processes: there may be messages. From this thread.
    at_start
        What else is written down before the first step; until it can be, nothing else is. From this thread.
    tell
        Hears in one sentence why nobody can be told of alerts, and when that is over. From this thread.
    """

    def __init__(
        self,
        state: Path,
        settings: Settings,
        clock: Clock,
        on_step: Callable[[], None],
        *,
        at_start: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._at_start = at_start
        self._tell = tell
        self._waits_for = ""
        self._clock = clock
        self._on_step = on_step
        self._idle_after_ns = round(settings.alarms.idle_after_s * SECOND_NS)
        self._receipts_ns = round(settings.webhooks.keep_days * DAY_NS)
        self._feed = AlarmFeed(state)
        self._steps: AlarmSteps = open_steps(state, settings, clock)
        self._lock = threading.Lock()  # one round at a time
        self._wake = threading.Event()
        self._stopping = False
        self._failure: Exception | None = None
        self._version = -1
        self._due_ns: int | None = None
        # Before the first look the clock may have been set back: what is due is set right then.
        self._looked_ns = sys.maxsize
        self._activities: dict[Stage, StageActivity] = {}
        self._were_all_maintained: bool | None = None  # another keeper may have noted it
        self._caught_up = False
        self._told_newly_wanted = False
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def notify(self) -> None:
        """There is something in the feed; from any thread, returns at once."""
        self._wake.set()

    @property
    def waits_for(self) -> str:
        """The bounded reason for which no step can be made, for example another's long one; empty when they are."""
        return self._waits_for

    def check(self) -> None:
        """Raise what has ended the thread, if anything has.

        Raises
        ------
        FatalError
            Of the state directory; other exceptions are errors of the program.
        """
        if self._failure is not None:
            raise self._failure

    def drain(self) -> None:
        """Take all that is in the feed now; off-delays and incidents without an open episode end, as the input has.

        Raises
        ------
        RetryableError, FatalError
            Of the state directory: what was not taken is taken by the next watch.
        """
        with self._lock:
            self._round()
            with self._steps.step() as book:
                book.settle()
        self._on_step()

    def stop(self) -> None:
        """End; what is in the feed stays there for the next watch."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)
        with self._lock:
            self._feed.close()
            self._steps.close()

    def _run(self) -> None:
        while not self._stopping:
            wait_s = _LOOK_S
            self._wake.clear()
            try:
                with self._lock:
                    self._round()
            except RetryableError as error:
                wait_s = _RETRY_S
                if not self._waits_for:
                    self._tell(f"{error}; until then nobody is told of alerts, they wait")
                self._waits_for = error.reason
            except Exception as error:  # noqa: BLE001 - raised again by check()
                self._failure = error
                return
            else:
                if self._waits_for:
                    self._tell("people are told of alerts again")
                self._waits_for = ""
            self._wake.wait(wait_s)

    def _round(self) -> None:
        """Take what is in the feed, and do what is due."""
        try:
            self._make_round()
        except RetryableError:
            # What it has done is not looked through, and nothing says so again: the next one looks as the first does.
            self._looked_ns = sys.maxsize
            raise

    def _make_round(self) -> None:
        stepped = self._catch_up()
        stepped |= self._take_feed()
        now_ns = self._clock.now_ns()
        was_set_back, self._looked_ns = now_ns < self._looked_ns, now_ns
        if was_set_back or (self._due_ns is not None and self._due_ns <= now_ns):
            with self._steps.step():
                stepped = True
        if not self._told_newly_wanted:  # only now is known what is over since
            stepped |= self._steps.tell_newly_wanted()
            self._told_newly_wanted = True
        version = self._steps.data_version()
        if stepped or version != self._version:
            self._steps.settle()
            self._version, self._due_ns = version, self._steps.next_ns()
            self._on_step()

    def _catch_up(self) -> bool:
        """At the start: what earlier programs, which knew no feed, have opened and closed."""
        if self._caught_up:
            return False
        self._at_start()
        self._steps.begin(receipts_from_ns=self._clock.now_ns() - self._receipts_ns)
        open_alerts, ended = self._feed.not_in_feed(self._steps.look(open_alert_ids))
        now_ns = self._clock.now_ns()
        entries = [FeedEntry(alert=alert, committed_ns=now_ns) for alert in (*ended, *open_alerts)]
        if entries:
            with self._steps.step() as book:
                book.take(entries)
        self._caught_up = True
        return bool(entries)

    def _take_feed(self) -> bool:
        """Take the feed together with what the stages did until the same moment.

        A stage fires again before what was odd then is taken: else it would come and go under the idle stage's cover.
        """
        stepped = False
        while True:
            entries, activities = self._feed.moment(_BATCH)
            now = {each.stage: each for each in activities}
            all_maintained = self._all_maintained(now)
            fires_again = self._fires_again(now, entries)
            idle = {stage: self._is_idle(each) for stage, each in now.items()}
            before = {stage: self._is_idle(each) for stage, each in self._activities.items()}
            if entries or fires_again or idle != before or all_maintained != self._were_all_maintained:
                with self._steps.step() as book:
                    book.note_all_maintained(all_maintained=all_maintained)
                    book.end_idle(fires_again)
                    book.take(entries)
                    book.note_idle(idle)
                stepped = True
            self._activities, self._were_all_maintained = now, all_maintained
            if not entries:
                return stepped
            self._feed.taken(entries[-1].number)

    def _all_maintained(self, stages: Iterable[Stage]) -> bool:
        """Whether there are stages, and all of them are under maintenance."""
        names = {str(stage) for stage in stages}
        found = self._steps.look(lambda connection: find_suppressions(connection, cause=Cause.MAINTENANCE))
        return bool(names) and names <= {each.stage for each in found}

    def _is_idle(self, activity: StageActivity) -> bool:
        return activity.idle_ns is not None and activity.idle_ns - activity.fired_ns >= self._idle_after_ns

    def _fires_again(self, now: Mapping[Stage, StageActivity], entries: Sequence[FeedEntry]) -> dict[Stage, int]:
        """The stages that were idle and have fired, also those that are idle again; until when they surely were.

        That is the last idle row that was known before. Where that one can't be, because it is from the future or of an
        earlier keeper's time, it is the time that makes a stage idle before it fired last.
        """
        found: dict[Stage, int] = {}
        for stage, activity in now.items():
            before = self._activities.get(stage)
            if before is None:  # what is odd from before it fired last says that it has fired since
                has_fired = any(e.alert.stage == stage and e.alert.first_shot_ns <= activity.fired_ns for e in entries)
            else:
                has_fired = self._is_idle(before) and before.fired_ns < activity.fired_ns
            was_idle = before is None or self._is_idle(before)
            if has_fired or (was_idle and not self._is_idle(activity)):
                idle_ns = None if before is None else before.idle_ns
                guessed_ns = activity.fired_ns - self._idle_after_ns
                found[stage] = guessed_ns if idle_ns is None or idle_ns > activity.fired_ns else idle_ns
        return found
