"""What the recorder knows between its commits, and what each message adds to the next one."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from connectors.state.commit import Commit, FileRecord, LostRecords
from connectors.state.reader import StateReader
from connectors.wire.announcement import Announcement
from connectors.wire.codec import origin_of
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.header_fields import place_of
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import Alert
from models.errors import RecordError
from models.messages import AlertMessage, DecidedMessage, EvidenceMessage, ReplacementPart
from models.records import SourceReference
from models.state import State
from models.triplets.decided import DecidedBlock
from streams.agents.lost_messages import is_retried, lost_records_of, read_letter, written_letter
from streams.agents.origins import Origins
from streams.agents.recorded_files import RecordedFiles
from streams.agents.recorder_positions import RecorderPositions
from streams.agents.replaced_files import ReplacedFiles, read_join_state
from streams.agents.retries import Retries, retried_number
from streams.topology import TopicName
from streams.watch_pipeline import PipelineOutput


@dataclass(slots=True)
class RecorderStep:
    """What is to be made durable together.

    Attributes
    ----------
    closed_ns
        By the alert's id, when the file behind it was closed.
    alerts
        How alerts stand after this step.
    repeated_records
        Rows that were passed over, since their file is accounted for.
    dead_in_files
        Parts of new files that their reader refused, by reason.
    """

    output: PipelineOutput = field(default_factory=PipelineOutput)
    commit: Commit = field(default_factory=Commit)
    closed_ns: dict[str, int] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    repeated_records: int = 0
    dead_in_files: Counter[str] = field(default_factory=Counter)

    def count_files(self, counts: Mapping[str, int]) -> None:
        """Count events of files."""
        for name, number in counts.items():
            self.commit.file_counts[name] = self.commit.file_counts.get(name, 0) + number


class RecorderBook:
    """All that the recorder has to remember, and the step that is being gathered.

    Attributes
    ----------
    letters
        Dead letters that may not have been sent yet.
    start_ns
        Begin of the snapshot of the latest message.
    """

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._origins: dict[str, Origins] = {}
        self._retries = Retries()
        self.positions = RecorderPositions()
        self.files = RecordedFiles(state)
        self.replaced = ReplacedFiles()
        self.letters: list[Outgoing] = []
        self.start_ns: int | None = None
        self.step = RecorderStep()

    def needs_commit(self, content: object) -> bool:
        """Whether what is gathered must be durable before this can be recorded: it is about the same file."""
        path = None
        if isinstance(content, Announcement) and content.record is not None:
            path = content.record.path
        elif isinstance(content, DecidedMessage) and content.replacement is not None:
            path = content.replacement.source.file
        return path is not None and any(record.path == path for record in self.step.commit.files)

    def is_new(self, message: Incoming) -> bool:
        """Whether a message does not follow from one that came before; from now on it has come.

        Raises
        ------
        RecordError
            Its headers are damaged.
        """
        retried = retried_number(message)
        if retried is not None:
            return self._retries.is_new(retried)
        origin = origin_of(message)
        return origin is None or self._origins.setdefault(message.topic, Origins()).is_new(origin)

    def record(self, message: Incoming, content: object) -> None:
        """Add what a message says to the step.

        Raises
        ------
        RecordError
            It does not belong into its topic, or holds what can't be read; then nothing was added.
        """
        match message.topic, content:
            case TopicName.DECIDED, DecidedMessage():
                self._record_decided(content, retried=is_retried(message))
            case TopicName.ALERTS, AlertMessage():
                self._record_alert(content)
            case TopicName.EVIDENCE, EvidenceMessage():
                self.step.output.evidence.append(content.frame)
            case TopicName.SNAPSHOTS, Announcement():
                self._record_announcement(content)
            case TopicName.DEAD_LETTERS, DeadLetterMessage():
                self._record_dead_letter(content)
            case _:
                raise RecordError(
                    f"the message in {place_of(message)} is of a kind that does not belong there; only Petawatch's "
                    "agents and connectors are to write to its topics",
                    reason="wrong_type",
                )

    def lose(self, message: Incoming, content: object, reason: str) -> None:
        """The rows of a refused message of the join: they may be of several files, so no dead letter can name them."""
        if message.topic != TopicName.DECIDED or not isinstance(content, DecidedMessage) or is_retried(message):
            return
        for number, block in enumerate(content.decided):
            place = f"{message.topic}/{message.partition}/{message.offset}/{number}"
            if self._counts(block.scored.source, len(block)):
                self.step.commit.lost_records.append(
                    LostRecords(source=block.scored.source, place=place, reason=reason, records=len(block))
                )

    def state(self) -> State:
        """All that is to be saved, but the pieces of replacing files."""
        return {
            "positions": self.positions.state(),
            "origins": {topic: origins.state() for topic, origins in sorted(self._origins.items())},
            "retries": self._retries.state(),
            "files": self.files.state(),
            "replaced": self.replaced.state(),
            "start_ns": self.start_ns,
            "letters": [written_letter(letter) for letter in self.letters],
        }

    def restore(self, own: State, states: Mapping[str, bytes]) -> None:
        """Go on from a saved state; ``states`` are all that the directory holds."""
        self.positions.restore(own["positions"])
        for topic, saved in own["origins"].items():
            self._origins.setdefault(topic, Origins()).restore(saved)
        self._retries.restore(own["retries"])
        self.files.restore(own["files"])
        self.files.close_settled()  # the latest commit may have been the last of some
        self.replaced.restore(own["replaced"], states)
        self.start_ns = own["start_ns"]
        self.letters = [read_letter(letter) for letter in own["letters"]]

    def _record_decided(self, message: DecidedMessage, *, retried: bool) -> None:
        if message.replacement is not None:
            read_join_state(message.replacement)  # once it is held it is too late to refuse it
        self.start_ns = message.moment.start_ns
        if not retried:  # else it says what waited long ago
            self.files.set_pending(message.stage, message.pending)
        for source, number in message.retried.items():
            self._take_back(source, number)
        for block in message.decided:
            if retried:
                self._take_back(block.scored.source, len(block))
            self._record_rows(block)
        if message.triplets is not None and len(message.triplets):
            self.step.output.triplets.append(message.triplets)
        for source, device in message.ended:
            if not self.files.is_settled(source):
                self.files.follow(source).ended.add(device)
        if message.replacement is not None:
            self._record_part(message.replacement)

    def _record_rows(self, block: DecidedBlock) -> None:
        source = block.scored.source
        if block.scored.replacement and self._is_replacing(source):
            self.files.follow(source).replaces = True
            self.replaced.hold_alone(block)
        elif self._counts(source, len(block)):
            self.step.output.decided.append(block)

    def _record_part(self, part: ReplacementPart) -> None:
        source = part.source
        file, account = self.files.find(source), self._state.account(source)
        if file is None and account is not None and not account.void:
            self.step.repeated_records += sum(map(len, part.scored))
            return
        file = self.files.follow(source)
        if file.announced and not file.replaces:
            # It was announced as a file of its own, since the rest of it could not be read.
            record = self._state.known_file(source.file)
            if record is not None and record.sha256 == source.sha256:
                self.replaced.announce(source, self._replacing(record), {}, None)
        file.replaces = True
        self.replaced.hold_part(part)

    def _counts(self, source: SourceReference, records: int) -> bool:
        """Whether records of a file are new; those of one that is accounted for came before."""
        if self.files.find(source) is None and self._state.account(source) is not None:
            self.step.repeated_records += records
            return False
        self.files.follow(source)
        return True

    def _is_replacing(self, source: SourceReference) -> bool:
        """Whether a file that replaces another has not taken its place yet."""
        file = self.files.find(source)
        if file is not None and file.replaces:
            return True
        account = self._state.account(source)
        return account is None or account.void

    def _take_back(self, source: SourceReference, records: int) -> None:
        """Records come that were dead letters before: as many as are counted as such are none any more."""
        if self._state.lost_records(source):
            self.files.reopen(source)
            counts = self.step.commit.retried_records
            counts[source] = counts.get(source, 0) + records

    def _record_alert(self, message: AlertMessage) -> None:
        alert = message.event.alert
        known = self.step.alerts.get(alert.id) or self._state.alert(alert.id)
        if known is not None and _is_same(known, alert):
            return
        self.step.alerts[alert.id] = alert
        self.step.output.alerts.append(message.event)
        if message.moment is not None:
            self.step.closed_ns[alert.id] = message.moment.closed_ns

    def _record_announcement(self, message: Announcement) -> None:
        record = message.record
        if record is None:
            self.step.count_files(message.file_counts)
            return
        source = SourceReference(file=record.path, sha256=record.sha256)
        account, file = self._state.account(source), self.files.find(source)
        if self._state.known_file(record.path) == record and (file is None or file.announced):
            return  # said before
        void = account is not None and account.void
        if void and record.replaced_sha256 is None:
            return  # another version has taken its place since
        unheard = account is None if file is None else not file.announced
        if file is not None or account is None or void:
            file = self.files.follow(source)
            if message.ends or not file.announced:
                file.announced, file.ends = True, frozenset(message.ends)
            new = account is None or void
            if file.replaces or (new and message.ends and record.replaced_sha256 is not None):
                file.replaces = True
                self.replaced.announce(source, self._replacing(record), message.file_counts, message.moment)
                return
        if unheard:
            self.step.dead_in_files.update(record.dead_letters)
        self.step.commit.files.append(record)
        self.step.count_files(message.file_counts)

    def _replacing(self, record: FileRecord) -> FileRecord:
        if record.replaced_sha256 is not None:
            return record
        # The rest of it could not be read: what was read takes the place of the earlier version all the same.
        counted = self._state.counted_file(record.path)
        return replace(record, replaced_sha256=counted.sha256 if counted is not None else "")

    def _record_dead_letter(self, letter: DeadLetterMessage) -> None:
        lost = lost_records_of(letter)
        # What was a dead letter before and is one again is counted already.
        if lost is None or is_retried(letter.original):
            return
        if self.files.is_settled(lost.source):
            self.step.repeated_records += lost.records
            return
        self.files.follow(lost.source)
        self.step.commit.lost_records.append(lost)


def _is_same(first: Alert, second: Alert) -> bool:
    # A score that is not known is no number, which equals nothing.
    return replace(first, score=0.0) == replace(second, score=0.0) and bool(
        np.array_equal(first.score, second.score, equal_nan=True)
    )
