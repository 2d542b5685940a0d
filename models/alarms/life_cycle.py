"""The life of one alarm after ANSI/ISA-18.2-2016, section 5.2: pure, and the same wherever it is computed.

Two things are kept apart. The *process part* says whether the alarm is active and whether somebody has seen it:
normal, unacknowledged, acknowledged, returned and unacknowledged, and of an alarm that latches the two states in which
it stays active after its condition has gone. It goes on whatever covers it. *Covers* lie over it: shelved by an
operator, always with an end; suppressed by design (the stage is idle or under maintenance); out of service. The state
that is shown is the strongest of them, in this order:

    out of service  >  suppressed by design  >  shelved  >  the process part

When the last cover ends over an active alarm, the alarm is unacknowledged, whatever was said before: it is announced
anew. One that came and went under a cover was never announced, and leaves nothing behind, unless it latches; its
off-delay ends with the cover, so that what comes next is no chatter.

Several conditions can hold at once (alerts of one kind about one subject). One that begins while others hold is
announced as well, also when the alarm was acknowledged before, and so is one that becomes more urgent; one that begins
within the off-delay of the last one's end is chatter: it belongs to what was announced already, unless it is news.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from models.event_time import SECOND_NS


class AlarmState(StrEnum):
    """What is shown; the letters are those of the standard's figure."""

    NORMAL = "normal"  # A
    UNACKNOWLEDGED = "unacknowledged"  # B
    ACKNOWLEDGED = "acknowledged"  # C
    RETURNED = "returned_unacknowledged"  # D
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"  # E
    LATCHED = "latched_acknowledged"  # F
    SHELVED = "shelved"  # G
    SUPPRESSED = "suppressed"  # H
    OUT_OF_SERVICE = "out_of_service"  # I


#: A clock that is behind what has happened already by more was set back; less are two processes that ask it at once.
CLOCK_STEP_NS = SECOND_NS

#: Nothing of it is announced.
COVERED = (AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE)

#: Announced, and seen by nobody yet.
UNSEEN = frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED, AlarmState.LATCHED_UNACKNOWLEDGED})


class RefusedStepError(ValueError):
    """What an operator asked for makes no sense in this state; says why, to be put behind "it"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmTiming:
    """When a condition becomes an alarm, and when it is none any more.

    Attributes
    ----------
    on_delay_ns
        The condition has to last so long before the alarm is active; what is shorter is never announced.
    off_delay_ns
        It has to be gone for so long before the alarm has returned; what comes back within is the same alarm.
    latching
        An alarm that returned stays active until an operator resets it.
    """

    on_delay_ns: int = 0
    off_delay_ns: int = 0
    latching: bool = False

    def __post_init__(self) -> None:
        if self.on_delay_ns < 0 or self.off_delay_ns < 0:
            raise ValueError("on_delay and off_delay are 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLife:
    """One alarm as it stands. All times are ns since 1970, by the clock; they go back together when it is set back.

    Attributes
    ----------
    now_ns
        Up to when everything has happened.
    condition_since_ns
        Since when a condition holds (None: none does), as the process says, before any delay.
    due_ns
        When what has begun will be announced, by the on-delay; None when nothing waits for that.
    gone_since_ns
        Since when none holds, while the alarm is still active by the off-delay.
    active_since_ns
        Since when the alarm is active; None when it is not.
    latched
        It is active only because it latches.
    seen
        Somebody has acknowledged it since it was announced last; True of an alarm that was never announced.
    announcements
        How many times it was announced so far.
    shelved_until_ns
        End of the shelving; None when it is not shelved.
    suppressed_by
        Names of what suppresses it, in their order.
    out_of_service
        Taken out until somebody puts it back.
    """

    now_ns: int = 0
    condition_since_ns: int | None = None
    due_ns: int | None = None
    gone_since_ns: int | None = None
    active_since_ns: int | None = None
    latched: bool = False
    seen: bool = True
    announcements: int = 0
    shelved_until_ns: int | None = None
    suppressed_by: tuple[str, ...] = ()
    out_of_service: bool = False

    @property
    def is_active(self) -> bool:
        """Whether the process part is in alarm."""
        return self.active_since_ns is not None

    @property
    def is_covered(self) -> bool:
        """Whether nothing of it is announced."""
        return self.out_of_service or bool(self.suppressed_by) or self.shelved_until_ns is not None

    @property
    def state(self) -> AlarmState:
        """The strongest."""
        if self.out_of_service:
            return AlarmState.OUT_OF_SERVICE
        if self.suppressed_by:
            return AlarmState.SUPPRESSED
        if self.shelved_until_ns is not None:
            return AlarmState.SHELVED
        if self.latched:
            return AlarmState.LATCHED if self.seen else AlarmState.LATCHED_UNACKNOWLEDGED
        if self.is_active:
            return AlarmState.ACKNOWLEDGED if self.seen else AlarmState.UNACKNOWLEDGED
        return AlarmState.NORMAL if self.seen else AlarmState.RETURNED

    def next_ns(self, timing: AlarmTiming) -> int | None:
        """When something happens by itself next; None when nothing does."""
        return min(self._ends(timing), default=None)

    def passed(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """Time went on: delays and the shelving may have ended, in the order in which they did.

        When the clock was ahead and is set right, all times go back with it: what was to last an hour lasts an hour.
        """
        if self.now_ns - now_ns > CLOCK_STEP_NS:
            return _set_back(self, self.now_ns - now_ns).passed(now_ns, timing)
        life = self
        for end_ns in self._ends(timing):
            if end_ns <= now_ns:
                life = _at(life, end_ns, timing)
        return _at(life, now_ns, timing)

    def raised(self, now_ns: int, timing: AlarmTiming, *, is_news: bool = False) -> "AlarmLife":
        """A condition begins to hold; others may hold already.

        Parameters
        ----------
        is_news
            It is announced even within the off-delay: it does not belong to what was announced.
        """
        life = self.passed(now_ns, timing)
        if is_news:
            life = replace(life, gone_since_ns=None)
        if life.condition_since_ns is None and life.gone_since_ns is not None:
            return replace(life, condition_since_ns=life.now_ns, gone_since_ns=None)
        since_ns = life.now_ns if life.condition_since_ns is None else life.condition_since_ns
        due_ns = life.now_ns + timing.on_delay_ns if life.due_ns is None else life.due_ns
        return _at(replace(life, condition_since_ns=since_ns, due_ns=due_ns), life.now_ns, timing)

    def returned(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """The last condition that held does not any more."""
        life = self.passed(now_ns, timing)
        if life.condition_since_ns is None:
            return life
        gone_ns = life.now_ns if life.is_active and not life.latched else None
        return _at(replace(life, condition_since_ns=None, due_ns=None, gone_since_ns=gone_ns), life.now_ns, timing)

    def settled(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """Nothing will come any more: what waits for the off-delay has returned."""
        life = self.passed(now_ns, timing)
        return life if life.gone_since_ns is None else _at(life, life.now_ns, replace(timing, off_delay_ns=0))

    def withdrawn(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """What waited for the on-delay is over, while other conditions hold."""
        return replace(self.passed(now_ns, timing), due_ns=None)

    def worsened(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """A condition that holds is more urgent than before: an alarm that was announced is announced anew."""
        life = self.passed(now_ns, timing)
        return _announced(life) if life.is_active and not life.is_covered else life

    def missed(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """What came and went without a word is announced after all."""
        return _announced(self.passed(now_ns, timing))

    def acknowledged(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """Somebody has seen it, be it covered meanwhile.

        Raises
        ------
        RefusedStepError
            There is nothing that was announced and not seen.
        """
        life = self.passed(now_ns, timing)
        if life.seen:
            raise RefusedStepError(f"is {words_of(life.state)}: there is nothing to acknowledge")
        return replace(life, seen=True)

    def reset(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """Let go of a latched alarm whose condition is gone and that was seen.

        Raises
        ------
        RefusedStepError
            It is not latched, its condition still holds, or it was not seen.
        """
        life = self.passed(now_ns, timing)
        if not life.latched or life.condition_since_ns is not None:
            raise RefusedStepError("is not latched: only an alarm that latches, and whose condition is gone, is reset")
        if not life.seen:
            raise RefusedStepError("was not acknowledged yet; acknowledge it first")
        return replace(life, active_since_ns=None, latched=False)

    def shelved(self, now_ns: int, timing: AlarmTiming, until_ns: int) -> "AlarmLife":
        """Put it off until then; shelving one that is shelved changes the end.

        Raises
        ------
        RefusedStepError
            The end is not in the future.
        """
        life = self.passed(now_ns, timing)
        if until_ns <= life.now_ns:
            raise RefusedStepError("can be shelved only until a time in the future")
        return replace(life, shelved_until_ns=until_ns)

    def unshelved(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """End the shelving.

        Raises
        ------
        RefusedStepError
            It is not shelved.
        """
        life = self.passed(now_ns, timing)
        if life.shelved_until_ns is None:
            raise RefusedStepError("is not shelved")
        return _uncovered(life, replace(life, shelved_until_ns=None), timing)

    def suppressed(self, now_ns: int, timing: AlarmTiming, by: str) -> "AlarmLife":
        """Something by design covers it: the stage is idle, or under maintenance."""
        life = self.passed(now_ns, timing)
        return replace(life, suppressed_by=tuple(sorted({*life.suppressed_by, by})))

    def unsuppressed(self, now_ns: int, timing: AlarmTiming, by: str) -> "AlarmLife":
        """That does not cover it any more; something else may."""
        life = self.passed(now_ns, timing)
        return _uncovered(
            life, replace(life, suppressed_by=tuple(name for name in life.suppressed_by if name != by)), timing
        )

    def taken_out(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """Take it out of service.

        Raises
        ------
        RefusedStepError
            It is out of service.
        """
        life = self.passed(now_ns, timing)
        if life.out_of_service:
            raise RefusedStepError("is out of service already")
        return replace(life, out_of_service=True)

    def put_back(self, now_ns: int, timing: AlarmTiming) -> "AlarmLife":
        """Put it back into service.

        Raises
        ------
        RefusedStepError
            It is in service.
        """
        life = self.passed(now_ns, timing)
        if not life.out_of_service:
            raise RefusedStepError("is in service")
        return _uncovered(life, replace(life, out_of_service=False), timing)

    def _ends(self, timing: AlarmTiming) -> list[int]:
        """When something happens by itself, in order."""
        ends = [self.due_ns, self.shelved_until_ns]
        if self.gone_since_ns is not None:
            ends.append(self.gone_since_ns + timing.off_delay_ns)
        return sorted(end for end in ends if end is not None)


def words_of(state: AlarmState) -> str:
    """As it is read in a sentence."""
    return state.value.replace("_", " ")


def _set_back(life: AlarmLife, by_ns: int) -> AlarmLife:
    def earlier(at_ns: int | None) -> int | None:
        return None if at_ns is None else at_ns - by_ns

    return replace(
        life,
        now_ns=life.now_ns - by_ns,
        condition_since_ns=earlier(life.condition_since_ns),
        due_ns=earlier(life.due_ns),
        gone_since_ns=earlier(life.gone_since_ns),
        active_since_ns=earlier(life.active_since_ns),
        shelved_until_ns=earlier(life.shelved_until_ns),
    )


def _at(before: AlarmLife, now_ns: int, timing: AlarmTiming) -> AlarmLife:
    """What has become due at this moment has happened."""
    life = replace(before, now_ns=max(now_ns, before.now_ns))
    if life.due_ns is not None and life.due_ns <= life.now_ns:
        since_ns = life.now_ns if life.active_since_ns is None or life.latched else life.active_since_ns
        life = replace(life, due_ns=None, active_since_ns=since_ns, latched=False)
        life = life if life.is_covered else _announced(life)
    if life.gone_since_ns is not None and life.gone_since_ns + timing.off_delay_ns <= life.now_ns:
        life = replace(life, gone_since_ns=None, latched=True)
    if life.latched and not timing.latching:  # also one that latched until the configuration changed
        life = replace(life, active_since_ns=None, latched=False)
    if life.shelved_until_ns is not None and life.shelved_until_ns <= life.now_ns:
        life = _uncovered(life, replace(life, shelved_until_ns=None), timing)
    return life


def _uncovered(before: AlarmLife, life: AlarmLife, timing: AlarmTiming) -> AlarmLife:
    """When the last cover went, what is active underneath is announced anew; what only waits for its end, ends."""
    if life.is_covered or not before.is_covered:
        return life
    if life.gone_since_ns is not None:
        since_ns = life.active_since_ns if timing.latching else None
        life = replace(life, gone_since_ns=None, active_since_ns=since_ns, latched=timing.latching)
    return _announced(life) if life.is_active else life


def _announced(life: AlarmLife) -> AlarmLife:
    return replace(life, seen=False, announcements=life.announcements + 1)
