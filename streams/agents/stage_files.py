"""The files that are under way at a laser stage: who of its devices has come to the end of each."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from models.devices import Stage
from models.errors import RecordError
from models.event_time import MILLISECOND_NS, MINUTE_NS
from models.messages import DeviceNotice
from models.records import SourceReference
from models.results import ScoredBlock
from models.state import State
from models.triplets.block_state import decode_block, encode_block
from models.triplets.stage_join import StageJoin

# A file whose end is lost must not be remembered for ever.
_MOST_FILES = 256
# What is held leaves in one message (``DECISION_BYTES``) at some 165 bytes a row, and is in every checkpoint until then
# (``STATE_BYTES``): room for a file of 6,000 shots of a dozen devices.
_MOST_HELD_ROWS = 80_000
# Times of a block further apart than this are looked at one by one: a wild one does not wait for all between.
_GAP_NS = 10 * MINUTE_NS


@dataclass(slots=True)
class StageFile:
    """One file at one stage.

    Attributes
    ----------
    devices
        Names of all devices that come to its end; empty before the first of them has.
    recorded
        Those of which rows have come.
    ended
        Those that have come to its end, or to the end of all input.
    replaces
        The file replaces another.
    held
        Rows of a replacing file, which are not for the live join.
    """

    source: SourceReference
    devices: set[str] = field(default_factory=set)
    recorded: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    replaces: bool = False
    held: list[ScoredBlock] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all have come to its end."""
        return self.ended >= (self.devices or self.recorded)

    def waits_in(self, join: StageJoin) -> bool:
        """Whether another version of this file, or records at its times, wait in the live join."""
        if any(name == self.source.file for name, _ in join.pending_records()):
            return True
        jitter_ns = round(join.settings.join_jitter_ms * MILLISECOND_NS)
        return any(
            join.waits_between(from_ns - jitter_ns, to_ns + jitter_ns + 1)
            for block in self.held
            for from_ns, to_ns in _stretches(block)
        )


class StageFiles:
    """The files of which rows have come and not the ends of all devices, and the replacing ones that are held."""

    def __init__(self) -> None:
        self._files: dict[SourceReference, StageFile] = {}  # in the order in which they were heard of

    @property
    def half_ended(self) -> bool:
        """Whether some device has more to say about a file of which another has spoken."""
        return any(not file.whole for file in self._files.values() if not file.replaces)

    @property
    def replacing(self) -> list[StageFile]:
        """The files that replace others and are whole, in the order in which they came; of a path only the first."""
        first: dict[str, StageFile] = {}
        for file in self._files.values():
            if file.replaces and file.whole:
                first.setdefault(file.source.file, file)
        return list(first.values())

    def rows_came(self, block: ScoredBlock, *, retried: bool) -> None:
        """Rows of a file came; those of a replacing one are held.

        Dead letters that are retried may come when all have ended their file: then nothing follows them.

        Raises
        ------
        RecordError
            ``too_large``: no message could take the replacing file's rows; nothing has changed.
        """
        joins = block.replacement and block.device.joins
        if joins and sum(self.held_records().values()) + len(block) > _MOST_HELD_ROWS:
            raise RecordError(
                f"{block.source.file} replaces another file with more records of one laser stage than can be held "
                f"({_MOST_HELD_ROWS}); deliver it in parts, under names of their own",
                reason="too_large",
            )
        is_behind = retried and block.source not in self._files
        if is_behind and not block.replacement:
            return
        file = self._file(block.source)
        if is_behind:
            file.ended.add(block.device.name)
        file.recorded.add(block.device.name)
        if block.replacement:
            file.replaces = True
            if joins:
                file.held.append(block)

    def device_ended(self, notice: DeviceNotice) -> None:
        """A device has come to the end of a file."""
        file = self._file(notice.source)
        file.devices.update({notice.device.name, *notice.stage_devices})
        file.ended.add(notice.device.name)
        file.replaces = file.replaces or notice.replaces
        self._forget_whole()

    def input_ended(self, device: str) -> None:
        """A device has come to the end of all files, also of one of which its own word was lost."""
        for file in self._files.values():
            if device in file.devices | file.recorded:
                file.ended.add(device)
        self._forget_whole()

    def take(self, file: StageFile) -> None:
        """A replacing file is held no longer."""
        del self._files[file.source]

    def held_records(self) -> dict[SourceReference, int]:
        """How many records are held, by file."""
        return {file.source: sum(map(len, file.held)) for file in self._files.values() if file.held}

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "files": [
                {
                    "source": [file.source.file, file.source.sha256],
                    "devices": sorted(file.devices),
                    "recorded": sorted(file.recorded),
                    "ended": sorted(file.ended),
                    "replaces": file.replaces,
                    "held": [encode_block(block) for block in file.held],
                }
                for file in self._files.values()
            ]
        }

    def restore(self, state: State, stage: Stage) -> None:
        """Go on from a saved state."""
        self._files.clear()
        for saved in state["files"]:
            name, sha256 = saved["source"]
            file = self._file(SourceReference(file=name, sha256=sha256))
            file.devices, file.recorded = set(saved["devices"]), set(saved["recorded"])
            file.ended = set(saved["ended"])
            file.replaces = bool(saved["replaces"])
            file.held = [decode_block(block, stage) for block in saved["held"]]

    def _file(self, source: SourceReference) -> StageFile:
        file = self._files.get(source)
        if file is None:
            if len(self._files) >= _MOST_FILES:
                self._forget_oldest()
            file = self._files[source] = StageFile(source)
        return file

    def _forget_oldest(self) -> None:
        oldest = next((source for source, file in self._files.items() if not file.held), None)
        if oldest is not None:
            del self._files[oldest]

    def _forget_whole(self) -> None:
        for source in [source for source, file in self._files.items() if file.whole and not file.replaces]:
            del self._files[source]


def _stretches(block: ScoredBlock) -> Iterator[tuple[int, int]]:
    """The first and the last times of the stretches in which a block's records lie."""
    times = np.sort(block.event_time_ns)
    for part in np.split(times, np.flatnonzero(np.diff(times) > _GAP_NS) + 1):
        if len(part):
            yield int(part[0]), int(part[-1])
