"""One laser stage in the join agent: its live join, and what waits beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from models.alerts.alert import AlertEvent
from models.baseline import AcceptedBaseline
from models.devices import Device, Stage, parse_device
from models.messages import DecidedMessage, DeviceNotice, FileMoment, NoticeKind, ReplacementPart, ScoredMessage
from models.records import SourceReference
from models.state import State, encode_state
from models.triplets.decided import DecidedBlock
from models.triplets.stage_join import JoinOutput
from streams.agents.stage_files import StageFiles
from streams.stage_joins import StageJoins

# Of one message: less than a megabyte, and quick to read.
_MOST_ROWS = 4096
_MOST_BLOCKS = 512


@dataclass(frozen=True, slots=True)
class StageStep:
    """What one message brought about at a stage."""

    messages: list[DecidedMessage]
    alerts: list[AlertEvent]


class JoinedStage:
    """Rows and notices of one stage in, decisions out.

    Devices are scored by different agents, of which the slowest may be minutes behind. So a stage learns whom to expect
    only when everybody whom the connector names has reported, and a file has ended when it has for all of them.
    """

    def __init__(self, stage: Stage, joins: StageJoins) -> None:
        self._stage = stage
        self._joins = joins
        self._files = StageFiles()
        self._recording: set[str] = set()  # who has delivered, and has not fallen silent
        self._input_ended: set[str] = set()
        self._expected_ends: set[str] = set()
        self._announced = False  # whether it is known who records

    @property
    def pending(self) -> dict[SourceReference, int]:
        """How many records wait here, by file."""
        pending = self._files.held_records()
        if self._stage in self._joins:
            for (file, sha256), count in self._joins.of(self._stage).pending_records().items():
                source = SourceReference(file=file, sha256=sha256)
                pending[source] = pending.get(source, 0) + count
        # A stage that was restored has its devices in another order; it says the same all the same.
        return dict(sorted(pending.items(), key=lambda item: (item[0].file, item[0].sha256)))

    def add(self, message: ScoredMessage, *, retried: bool) -> StageStep:
        """Take in the rows of a device."""
        block = message.scored
        self._files.rows_came(block, retried=retried)
        self._delivers(block.device)
        # Rows of a replacing file are not for the live join: its shots are decided again, elsewhere.
        is_held = block.replacement and block.device.joins
        alone = [] if is_held else self._joins.add(block)
        counts = {block.source: len(block)} if retried else {}
        return self._go_on(message.moment, alone=alone, retried=counts)

    def follow(self, notice: DeviceNotice) -> StageStep:
        """Do what a notice says."""
        device, final = notice.device, False
        ended: tuple[tuple[SourceReference, str], ...] = ()
        if notice.kind is NoticeKind.SNAPSHOT_END:
            self._end_file(notice)
            ended = ((notice.source, device.name),)
        elif notice.kind is NoticeKind.SILENT:
            self._joins.silence(device)
            self._recording.discard(device.name)
        else:
            final = self._end_input(notice)
        return self._go_on(notice.moment, ended=ended, final=final)

    def accept_baseline(self, baseline: AcceptedBaseline) -> None:
        """What a device shows from some time on is its reference: the ratios with it are learned anew."""
        if baseline.device.joins and self._stage in self._joins:
            self._joins.of(self._stage).accept_baseline(baseline.device, baseline.from_ns)

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "join": self._joins.of(self._stage).state() if self._stage in self._joins else None,
            "files": self._files.state(),
            "recording": sorted(self._recording),
            "input_ended": sorted(self._input_ended),
            "expected_ends": sorted(self._expected_ends),
            "announced": self._announced,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        if state["join"] is not None:
            self._joins.restore(self._stage, state["join"])
        self._files.restore(state["files"], self._stage)
        self._recording = set(state["recording"])
        self._input_ended = set(state["input_ended"])
        self._expected_ends = set(state["expected_ends"])
        self._announced = bool(state["announced"])

    def _delivers(self, device: Device) -> None:
        self._recording.add(device.name)
        self._input_ended.discard(device.name)

    def _end_file(self, notice: DeviceNotice) -> None:
        self._delivers(notice.device)
        self._files.device_ended(notice)
        if notice.replaces:
            return
        self._announced = True
        if notice.until_ns is not None:
            self._announce({*notice.stage_devices, *notice.known_devices})
            self._joins.advance(notice.device, notice.until_ns)

    def _announce(self, names: Iterable[str]) -> None:
        for device in map(parse_device, sorted(names)):
            if device.joins and device.stage == self._stage:
                self._joins.of(self._stage).announce(device)

    def _end_input(self, notice: DeviceNotice) -> bool:
        """Whether everybody has come to the end of the input."""
        self._input_ended.add(notice.device.name)
        self._expected_ends |= {notice.device.name, *notice.stage_devices}
        self._files.input_ended(notice.device.name)
        return self._input_ended >= self._recording | self._expected_ends and not self._files.half_ended

    def _decide(self, *, final: bool) -> JoinOutput | None:
        if self._stage not in self._joins:
            return None
        join = self._joins.of(self._stage)
        if final:
            return join.finish()
        # Before it is known who records, a stage would learn to expect only those whose agents are the fastest.
        return join.decide() if self._announced or join.roster.settled else None

    def _go_on(
        self,
        moment: FileMoment,
        *,
        alone: Iterable[DecidedBlock] = (),
        ended: tuple[tuple[SourceReference, str], ...] = (),
        retried: Mapping[SourceReference, int] | None = None,
        final: bool = False,
    ) -> StageStep:
        output = self._decide(final=final)
        decided = (*alone, *(output.decided if output is not None else ()))
        triplets = output.triplets if output is not None and len(output.triplets) else None
        last = DecidedMessage(
            stage=self._stage,
            moment=moment,
            decided=decided,
            triplets=triplets,
            pending=self.pending,
            ended=ended,
            retried=retried or {},
        )
        messages = [*_in_pieces(last), *self._replacements(moment)]
        return StageStep(messages, output.alerts if output is not None else [])

    def _replacements(self, moment: FileMoment) -> list[DecidedMessage]:
        """The replacing files that everybody has ended and of whose shots none waits in the live join any more."""
        messages = []
        for file in self._files.replacing:
            join = self._joins.of(self._stage)
            if not file.waits_in(join):
                self._files.take(file)
                part = ReplacementPart(
                    source=file.source,
                    stage=self._stage,
                    scored=tuple(file.held),
                    join_state=encode_state(join.state_without_waiting()),
                )
                messages.append(
                    DecidedMessage(stage=self._stage, moment=moment, pending=self.pending, replacement=part)
                )
        return messages


def _in_pieces(message: DecidedMessage) -> list[DecidedMessage]:
    """The same in messages of a bounded size: when a roster is settled, minutes of shots leave at once.

    What follows in a later piece is still pending in an earlier one.
    """
    pieces, rest, pending = [message], message.decided, dict(message.pending)
    while (kept := _blocks_at_the_end(rest)) < len(rest):
        for block in rest[len(rest) - kept :]:
            pending[block.scored.source] = pending.get(block.scored.source, 0) + len(block)
        pieces[-1] = replace(pieces[-1], decided=rest[len(rest) - kept :])
        rest = rest[: len(rest) - kept]
        earlier = DecidedMessage(stage=message.stage, moment=message.moment, decided=rest, pending=dict(pending))
        pieces.append(earlier)
    return pieces[::-1]


def _blocks_at_the_end(decided: tuple[DecidedBlock, ...]) -> int:
    """How many of the last blocks fit into one message; one at least."""
    rows = 0
    for count, block in enumerate(reversed(decided[-_MOST_BLOCKS:])):
        rows += len(block)
        if rows > _MOST_ROWS:
            return max(count, 1)
    return min(len(decided), _MOST_BLOCKS)
