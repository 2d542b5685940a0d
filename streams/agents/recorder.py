"""The recorder agent: writes what all others found into the state directory, with its own place in the topics."""

from collections.abc import Iterable, Mapping, Sequence

from connectors.clock import Clock
from connectors.state.directory import StateDirectory
from connectors.wire.codec import Message, decode
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import AlertEvent
from models.errors import PetawatchError, RecordError
from models.records import SourceReference
from models.state import decode_state, encode_state
from models.triplets.join_settings import JoinSettings
from streams.agents.dead_letters import dead_letter
from streams.agents.partition_run import POISONOUS
from streams.agents.recorder_book import RecorderBook, RecorderStep
from streams.agents.replaced_files import StagesOfParts
from streams.agents.task import Standing
from streams.commit_builder import CommitBuilder
from streams.metrics import WatchMetrics
from streams.replacements import decide_again, touched_shots
from streams.topology import AgentName, TopicName

#: The key of the recorder's own state in the state directory.
RECORDER_KEY = "recorder"


class Recorder:
    """Records batches of messages, each batch in one transaction together with the offsets behind it.

    What comes twice is known: messages of agents by their origin, those of connectors by what they say. For one thread.

    Parameters
    ----------
    builder
        Made with ``waits=False``: a full disk is for the caller to wait out.
    """

    def __init__(
        self,
        *,
        state: StateDirectory,
        builder: CommitBuilder,
        settings: JoinSettings,
        clock: Clock,
        metrics: WatchMetrics,
    ) -> None:
        self._state = state
        self._builder = builder
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._book = self._read_book()
        self._next_offsets = self._book.positions.next_offsets
        # Whether what is in memory may differ from what is durable, since a call has failed in the middle.
        self._uncertain = False
        self._handed_over = False

    @property
    def next_offsets(self) -> dict[str, int]:
        """By short name of the topic, the offset of the next message; nothing of a topic before its first message."""
        return dict(self._next_offsets)

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        return Standing(start_ns=self._book.start_ns)

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Record messages in their order; those that were recorded before are passed over.

        Returns
        -------
        list
            Dead letters, which are to be sent before the next call: until then they are kept, so that a crash loses
            none. Of one that is sent twice the second changes nothing.

        Raises
        ------
        FatalError
            ``offset_gap``, or of the state directory.
        RetryableError
            The disk is full: what was not recorded is recorded when the same messages are given again.
        """
        self._begin()
        if self._handed_over:
            self._book.letters.clear()
            self._handed_over = False
        fresh = self._book.positions.fresh(messages)
        self._replace_whole()
        try:
            for message in fresh:
                self._take(message)
            if fresh:
                self._commit()
        except (PetawatchError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - the culprit is found and becomes a dead letter
            self._book = self._read_book()
            self._one_by_one(fresh)
        self._uncertain = False
        self._handed_over = True
        return list(self._book.letters)

    def report(self, alerts: Sequence[AlertEvent], states: Mapping[str, bytes] | None = None) -> None:
        """Commit alerts that come from no topic, and states of whoever found them."""
        self._begin()
        self._book.step.output.alerts += alerts
        self._book.step.commit.stage_states |= states or {}
        self._commit()
        self._uncertain = False

    def _begin(self) -> None:
        if self._uncertain:
            self._book = self._read_book()
            self._handed_over = False
        self._uncertain = True

    def _take(self, message: Incoming) -> None:
        """Work on one message; what is wrong with it is known before anything has changed."""
        book = self._book
        content = _decoded(message)
        if book.needs_commit(content):
            self._commit()
        book.positions.pass_by(message)
        try:
            if not book.is_new(message):
                return
            if isinstance(content, RecordError):
                raise content
            book.record(message, content)
        except RecordError as error:
            self._refuse(message, error.reason, str(error))
            book.lose(message, content, error.reason)
        self._replace_whole()

    def _replace_whole(self) -> None:
        """Decide the shots of those replacing files again of which everything is there."""
        for source in self._book.replaced.sources:
            file = self._book.files.find(source)
            if file is None or not self._book.replaced.of(source).is_whole(file):
                continue
            self._commit()  # the shots are decided by what is durable
            try:
                self._replace(source)
            except RecordError as error:
                self._keep_earlier(source, error)
            except (PetawatchError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - the earlier version goes on counting, and nothing else stops
                self._keep_earlier(source, error)

    def _replace(self, source: SourceReference) -> None:
        book, file = self._book, self._book.replaced.of(source)
        touched = touched_shots(file.scored, source, self._state)
        joins = StagesOfParts(file.parts, self._settings)
        output, superseded = decide_again(file.scored, touched, self._state, joins)
        output.decided += file.alone
        step = book.step
        step.output, step.commit.superseded = output, superseded
        if file.record is not None:
            step.commit.files.append(file.record)
            step.dead_in_files.update(file.record.dead_letters)
        step.count_files(file.file_counts)
        if file.moment is not None:
            step.closed_ns |= dict.fromkeys((event.alert.id for event in output.alerts), file.moment.closed_ns)
        book.files.follow(source).replaces = False
        book.replaced.let_go(source)
        others = [each for each in book.files.versions_of(source.file) if each != source]
        self._commit(also_settled=others)

    def _keep_earlier(self, source: SourceReference, error: Exception) -> None:
        self._book = self._read_book()
        self._book.replaced.give_up(source)
        self._builder.tell(
            f"{source.file} can't take the place of its earlier version ({type(error).__name__}: {error}), which goes "
            "on counting; please report it"
        )
        self._commit()

    def _one_by_one(self, messages: Iterable[Incoming]) -> None:
        for message in messages:
            if not self._book.positions.is_fresh(message):
                continue
            try:
                self._take(message)
                self._commit()
            except (PetawatchError, MemoryError):
                raise
            except Exception as error:
                self._book = self._read_book()
                if not self._book.positions.is_fresh(message):
                    raise  # it is recorded, so it was not to blame
                self._give_up(message, error)

    def _give_up(self, message: Incoming, error: Exception) -> None:
        book = self._book
        book.positions.pass_by(message)
        book.is_new(message)
        self._refuse(message, POISONOUS, f"{type(error).__name__}: {error}")
        book.lose(message, _decoded(message), POISONOUS)
        self._commit()

    def _refuse(self, message: Incoming, reason: str, error: str) -> None:
        if message.topic == TopicName.DEAD_LETTERS:
            # It stays where it is: refused again and again it would fill the topic.
            self._builder.tell(f"the dead letter at offset {message.offset} can't be counted: {error}")
            return
        now_ns = self._clock.now_ns()
        self._book.letters.append(dead_letter(message, AgentName.RECORDER, reason=reason, error=error, now_ns=now_ns))

    def _commit(self, *, also_settled: Iterable[SourceReference] = ()) -> None:
        book, step = self._book, self._book.step
        step.commit.pending, step.commit.under_way = book.files.pending(), book.files.under_way()
        step.commit.stage_states |= book.replaced.take_changed()
        step.commit.stage_states[RECORDER_KEY] = encode_state(book.state())
        self._builder.commit(step.output, step.commit, closed_by_alert=step.closed_ns)
        self._next_offsets = book.positions.next_offsets
        book.step = RecorderStep()
        self._metrics.repeated(step.repeated_records)
        self._metrics.dead_letters(step.dead_in_files)
        book.files.close_settled(also_settled)

    def _read_book(self) -> RecorderBook:
        """What is known as of the latest commit."""
        book, states = RecorderBook(self._state), self._state.load_states()
        if RECORDER_KEY in states:
            book.restore(decode_state(states[RECORDER_KEY]), states)
        return book


def _decoded(message: Incoming) -> Message | RecordError:
    try:
        return decode(message)
    except RecordError as error:
        return error
