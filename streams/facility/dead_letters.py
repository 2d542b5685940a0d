"""Dead letters for operators: what was refused, and giving it to its agent again, one by one and never by itself."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from connectors.wire.codec import ORIGIN_HEADER, decode
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.header_fields import HeaderFields
from connectors.wire.message import Incoming, Outgoing
from connectors.wire.schema import read_schema
from models.errors import FatalError, RecordError
from streams.agents.retries import RETRIED_HEADER
from streams.topology import AgentName, TopicName, inputs_of

#: How often a message was given to its agent again, as a header of the message.
ATTEMPT_HEADER = "attempt"
#: A message that was refused after so many of them is given to nobody again, unless that is insisted on.
MOST_ATTEMPTS = 3

# Their place among the records is what they say: a later one holds, and none of them is for another partition.
_TOLD_IN_LINE = frozenset({"promotion", "shadow"})
_WORKED_ON = frozenset(topic for agent in AgentName for topic in inputs_of(agent))
_OWN_HEADERS = frozenset({ORIGIN_HEADER, RETRIED_HEADER, ATTEMPT_HEADER})


class LetterReader(Protocol):
    """Reads all that a topic holds now (``connectors.kafka.reader.TopicReader``)."""

    def read(self, topics: Collection[str]) -> Iterator[Incoming]:
        """All messages, in the order of each partition."""
        ...


class LetterSender(Protocol):
    """Writes messages (``connectors.kafka.producer.BlockProducer``)."""

    def send(self, message: Outgoing) -> None:
        """Queue a message."""
        ...

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters are meant; an empty text means any.

    Attributes
    ----------
    file
        A part of the file's path.
    """

    reason: str = ""
    agent: str = ""
    topic: str = ""
    file: str = ""

    def takes(self, letter: "LetterSummary") -> bool:
        """Whether a dead letter is one of them."""
        return (
            self.reason in {"", letter.reason}
            and self.agent in {"", letter.agent}
            and self.topic in {"", letter.id.partition("/")[0]}
            and self.file in letter.file
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSummary:
    """A dead letter without its bytes.

    Attributes
    ----------
    id
        ``topic/partition/offset`` of the original: the same whoever refused it.
    number
        Its place in the topic of dead letters: by it the agents know it when it comes again.
    attempts
        How often the message had been given to its agent again before it was refused.
    kind
        What the message is by its headers (``records``, ``promotion``); empty when they do not say.
    """

    id: str
    number: int
    reason: str
    agent: str
    error: str
    at_ns: int
    size_bytes: int
    records: int | None
    file: str
    device: str
    attempts: int
    kind: str = ""

    @property
    def repeatable(self) -> bool:
        """Whether it may be given to its agent again, behind all that has come since."""
        return self.kind not in _TOLD_IN_LINE


@dataclass(frozen=True, slots=True)
class FoundLetters:
    """The dead letters in the topic, oldest first.

    Attributes
    ----------
    letters
        Those that stand as they are. One that was given to its agent again and refused again is replaced by the new
        one; of one that several owners of a partition refused the first counts.
    foreign
        Messages in the topic that are no dead letters of this program's making.
    """

    letters: list[LetterSummary]
    foreign: int = 0


def find_letters(reader: LetterReader, wanted: LetterFilter | None = None) -> FoundLetters:
    """Look through the topic of dead letters."""
    found: dict[str, LetterSummary] = {}
    came_again: set[int] = set()
    foreign = 0
    for message in reader.read([TopicName.DEAD_LETTERS]):
        letter = _letter(message)
        if letter is None:
            foreign += 1
            continue
        came_again |= {number for number in [_number(letter.original, RETRIED_HEADER)] if number is not None}
        found.setdefault(letter_id(letter), summary(letter, message.offset))
    wanted = wanted or LetterFilter()
    standing = (each for each in found.values() if each.number not in came_again)
    return FoundLetters([each for each in standing if wanted.takes(each)], foreign)


def find_letter(reader: LetterReader, wanted_id: str) -> tuple[DeadLetterMessage, LetterSummary]:
    """One dead letter with its bytes.

    Raises
    ------
    FatalError
        ``dead_letter_unknown``.
    """
    for message in reader.read([TopicName.DEAD_LETTERS]):
        letter = _letter(message)
        if letter is not None and letter_id(letter) == wanted_id:
            return letter, summary(letter, message.offset)
    raise unknown_letters([wanted_id])


def choose_letters(letters: Collection[LetterSummary], ids: Collection[str], reason: str) -> list[LetterSummary]:
    """The dead letters of these ids, or else of this reason.

    Raises
    ------
    FatalError
        ``dead_letter_unknown``: of an id there is none.
    """
    if not ids:
        return [letter for letter in letters if letter.reason == reason]
    unknown = set(ids) - {letter.id for letter in letters}
    if unknown:
        raise unknown_letters(sorted(unknown))
    return [letter for letter in letters if letter.id in ids]


def retry_letters(
    reader: LetterReader, sender: LetterSender, chosen: Collection[LetterSummary], tell: Callable[[LetterSummary], None]
) -> int:
    """Give messages to their agents again, oldest first; how many.

    Parameters
    ----------
    tell
        Called with each that was handed over.
    """
    by_number = {each.number: each for each in chosen}
    sent = 0
    for message in reader.read([TopicName.DEAD_LETTERS]):
        each = by_number.get(message.offset)
        letter = _letter(message) if each is not None else None
        if each is None or letter is None:
            continue
        sender.send(again(letter, each))
        tell(each)
        sent += 1
    sender.flush()
    return sent


def again(letter: DeadLetterMessage, known: LetterSummary) -> Outgoing:
    """The original message as it goes to its topic again.

    It keeps its key, so that it comes to the agent that has its device's state. It has no origin any more: that one
    came before.

    Raises
    ------
    FatalError
        ``dead_letter_topic``: no agent reads its topic. ``dead_letter_promotion``: it would undo later promotions.
    """
    original = letter.original
    if not known.repeatable:
        raise FatalError(promotion_again(known), reason="dead_letter_promotion")
    if original.topic not in _WORKED_ON:
        raise FatalError(
            f"the dead letter {known.id} comes from the topic {original.topic}, which no agent of this version reads; "
            "look at it with `petawatch dead-letters show`",
            reason="dead_letter_topic",
        )
    headers = tuple((name, value) for name, value in original.headers if name not in _OWN_HEADERS)
    own = ((RETRIED_HEADER, str(known.number).encode()), (ATTEMPT_HEADER, str(known.attempts + 1).encode()))
    return Outgoing(topic=original.topic, key=original.key or b"", value=original.value, headers=(*headers, *own))


def letter_id(letter: DeadLetterMessage) -> str:
    """``topic/partition/offset`` of the original."""
    original = letter.original
    return f"{original.topic}/{original.partition}/{original.offset}"


def summary(letter: DeadLetterMessage, number: int) -> LetterSummary:
    """A dead letter without its bytes."""
    return LetterSummary(
        id=letter_id(letter),
        number=number,
        reason=letter.reason,
        agent=letter.agent,
        error=letter.error,
        at_ns=letter.at_ns,
        size_bytes=len(letter.original.value or b""),
        records=letter.records,
        file=letter.source.file if letter.source is not None else "",
        device=letter.device,
        attempts=_number(letter.original, ATTEMPT_HEADER) or 0,
        kind=_kind(letter.original),
    )


def promotion_again(letter: LetterSummary) -> str:
    """The sentence that says why a promotion is not retried."""
    return (
        f"{letter.id} says which model scores from its place in the partition on, and is not retried; promote the "
        "model again, which tells all partitions"
    )


def unknown_letters(ids: Collection[str]) -> FatalError:
    """The error that says that there are no such dead letters."""
    return FatalError(
        f"there is no dead letter {', '.join(ids)}; `petawatch dead-letters list` shows the ids of those that are kept",
        reason="dead_letter_unknown",
    )


def _letter(message: Incoming) -> DeadLetterMessage | None:
    try:
        content = decode(message)
    except RecordError:  # anyone may write to a topic
        return None
    return content if isinstance(content, DeadLetterMessage) else None


def _kind(message: Incoming) -> str:
    try:
        return read_schema(HeaderFields(message)).name
    except RecordError:
        return ""


def _number(message: Incoming, header: str) -> int | None:
    value = dict(message.headers).get(header, b"")
    return int(value) if value.isdigit() and len(value) <= 18 else None
