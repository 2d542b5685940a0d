"""Files that replace others, held until every stage has handed its part over: then their shots are decided again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from connectors.state.commit import FileRecord, FileStatus
from models.devices import Stage, parse_device
from models.errors import FatalError, RecordError
from models.messages import FileMoment, ReplacementPart
from models.records import SourceReference
from models.results import ScoredBlock
from models.state import State, decode_state, encode_state
from models.triplets.block_state import decode_block, decode_decided, encode_block, encode_decided
from models.triplets.decided import DecidedBlock
from models.triplets.join_settings import JoinSettings
from models.triplets.stage_join import StageJoin
from streams.agents.recorded_files import FileUnderWay

#: Begins the key of everything that is held of replacing files.
HELD_KEYS = "recorder/held/"


@dataclass(slots=True)
class ReplacingFile:
    """What has come of a file that replaces another.

    Attributes
    ----------
    record, file_counts, moment
        As announced; no record before.
    parts
        By stage.
    alone
        Decided rows of devices that join nowhere.
    given_up
        Deciding its shots again has failed: the earlier version goes on counting.
    keys
        Under which its parts are saved.
    """

    record: FileRecord | None = None
    file_counts: dict[str, int] = field(default_factory=dict)
    moment: FileMoment | None = None
    parts: dict[Stage, ReplacementPart] = field(default_factory=dict)
    alone: list[DecidedBlock] = field(default_factory=list)
    given_up: bool = False
    keys: list[str] = field(default_factory=list)

    @property
    def scored(self) -> list[ScoredBlock]:
        """The rows of the devices that join, in the order of their names."""
        blocks = [block for part in self.parts.values() for block in part.scored]
        return sorted(blocks, key=lambda block: block.device)

    def is_whole(self, under_way: FileUnderWay) -> bool:
        """Whether everything is there that its announcement names."""
        if self.record is None or self.given_up or not under_way.announced:
            return False
        devices = [parse_device(name) for name in under_way.ends]
        stages = {device.stage for device in devices if device.joins}
        alone = {device.name for device in devices if not device.joins}
        return self.parts.keys() >= stages and under_way.ended >= alone


def read_join_state(part: ReplacementPart) -> State:
    """The state of the join that comes with a part.

    Raises
    ------
    RecordError
        ``damaged_payload``: the state directory is whole, only these bytes of a message are not.
    """
    try:
        return decode_state(part.join_state)
    except FatalError as error:
        raise RecordError(
            f"the state of the join that stage {part.stage} handed over with {part.source.file} can't be read "
            f"({error.__cause__})",
            reason="damaged_payload",
        ) from error


class StagesOfParts:
    """The stages' joins as they were when they handed their parts over (see ``streams.replacements.JoinsOfStages``)."""

    def __init__(self, parts: Mapping[Stage, ReplacementPart], settings: JoinSettings) -> None:
        self._parts = parts
        self._settings = settings
        self._joins: dict[Stage, StageJoin] = {}

    def stage_join(self, stage: Stage) -> StageJoin:
        """The join of a stage, without what waited in it."""
        if stage not in self._joins:
            join = self._joins[stage] = StageJoin(stage, self._settings)
            part = self._parts.get(stage)
            if part is not None:
                join.restore(read_join_state(part))
        return self._joins[stage]


class ReplacedFiles:
    """Holds what came of replacing files; every piece is saved once, under a key of its own."""

    def __init__(self) -> None:
        self._files: dict[SourceReference, ReplacingFile] = {}
        self._changed: dict[str, bytes] = {}
        self._number = 0

    @property
    def sources(self) -> list[SourceReference]:
        """The files that are held, in the order in which they were heard of."""
        return list(self._files)

    def __contains__(self, source: SourceReference) -> bool:
        return source in self._files

    def of(self, source: SourceReference) -> ReplacingFile:
        """What is held of a file."""
        return self._files.setdefault(source, ReplacingFile())

    def announce(
        self, source: SourceReference, record: FileRecord, counts: Mapping[str, int], moment: FileMoment | None
    ) -> None:
        """The file's announcement has come."""
        file = self.of(source)
        file.record, file.file_counts, file.moment = record, dict(counts), moment

    def hold_part(self, part: ReplacementPart) -> None:
        """A stage has handed its part over."""
        file = self.of(part.source)
        file.parts[part.stage] = part
        state = {
            "stage": [part.stage.front_end, part.stage.amp, part.stage.arm],
            "scored": [encode_block(block) for block in part.scored],
            "join_state": np.frombuffer(part.join_state, np.uint8),
        }
        self._save(file, part.source, {"part": state})

    def hold_alone(self, block: DecidedBlock) -> None:
        """Rows of a device that joins nowhere were decided."""
        source, stage = block.scored.source, block.scored.device.stage
        file = self.of(source)
        file.alone.append(block)
        state = {"stage": [stage.front_end, stage.amp, stage.arm], "decided": encode_decided(block)}
        self._save(file, source, {"alone": state})

    def give_up(self, source: SourceReference) -> None:
        """Deciding its shots again has failed."""
        self.of(source).given_up = True

    def let_go(self, source: SourceReference) -> None:
        """The file is held no longer."""
        file = self._files.pop(source, None)
        if file is not None:
            self._changed |= dict.fromkeys(file.keys, b"")

    def take_changed(self) -> dict[str, bytes]:
        """The pieces that came or went since the last call; an empty value removes the key."""
        changed, self._changed = self._changed, {}
        return changed

    def state(self) -> State:
        """All that is to be saved beside the pieces."""
        return {
            "number": self._number,
            "files": [[source.file, source.sha256, _written(file)] for source, file in self._files.items()],
        }

    def restore(self, state: State, states: Mapping[str, bytes]) -> None:
        """Go on from a saved state and the pieces, which are found by their keys among all states."""
        self._number = int(state["number"])
        self._changed = {}
        self._files = {
            SourceReference(file=file, sha256=sha256): _read(saved) for file, sha256, saved in state["files"]
        }
        for key in sorted(key for key in states if key.startswith(HELD_KEYS)):
            self._put_back(key, decode_state(states[key]))

    def _save(self, file: ReplacingFile, source: SourceReference, piece: State) -> None:
        key = f"{HELD_KEYS}{self._number:012d}"
        self._number += 1
        file.keys.append(key)
        self._changed[key] = encode_state({"source": [source.file, source.sha256], **piece})

    def _put_back(self, key: str, saved: State) -> None:
        name, sha256 = saved["source"]
        source = SourceReference(file=name, sha256=sha256)
        file = self.of(source)
        file.keys.append(key)
        if "part" in saved:
            part = saved["part"]
            stage = Stage(*part["stage"])
            scored = tuple(decode_block(block, stage) for block in part["scored"])
            file.parts[stage] = ReplacementPart(
                source=source, stage=stage, scored=scored, join_state=part["join_state"].tobytes()
            )
        else:
            alone = saved["alone"]
            file.alone.append(decode_decided(alone["decided"], Stage(*alone["stage"])))


def _written(file: ReplacingFile) -> State:
    record: dict[str, Any] | None = None
    if file.record is not None:
        record = asdict(replace(file.record, dead_letters=dict(file.record.dead_letters)))
    moment = None if file.moment is None else [file.moment.start_ns, file.moment.closed_ns]
    return {"record": record, "counts": dict(file.file_counts), "moment": moment, "given_up": file.given_up}


def _read(saved: State) -> ReplacingFile:
    record, moment = saved["record"], saved["moment"]
    return ReplacingFile(
        record=None if record is None else FileRecord(**(record | {"status": FileStatus(record["status"])})),
        file_counts=saved["counts"],
        moment=None if moment is None else FileMoment(start_ns=moment[0], closed_ns=moment[1]),
        given_up=bool(saved["given_up"]),
    )
